// The key-value part of a GGUF file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kilter/result.h"

namespace kilter::gguf {

/// Numbered as in the file.
enum class ValueType : uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

struct Array;

/// One metadata value, in the type the file gave it.
using Value = std::variant<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, float, bool, std::string,
                           Array, uint64_t, int64_t, double>;

/// Elements of one type, kept densely: a vocabulary of 256k strings is one vector. Arrays may nest.
struct Array {
  using Elements =
      std::variant<std::vector<uint8_t>, std::vector<int8_t>, std::vector<uint16_t>, std::vector<int16_t>,
                   std::vector<uint32_t>, std::vector<int32_t>, std::vector<float>, std::vector<bool>,
                   std::vector<std::string>, std::vector<Array>, std::vector<uint64_t>, std::vector<int64_t>,
                   std::vector<double>>;
  Elements elements;

  ValueType element_type() const { return static_cast<ValueType>(elements.index()); }
  size_t size() const;
};

struct KeyValue {
  std::string key;
  Value value;
};

/// All keys in the order of the file. The typed getters accept any integer width (files differ), but never
/// lose a digit: a value that does not fit is an error that names the key.
class Metadata {
 public:
  std::vector<KeyValue> entries;

  /// The value of `key`, or null.
  const Value* find(std::string_view key) const;

  /// Required values. Errors: not_found, corrupt (another type, out of range), naming the key.
  Result<uint64_t> get_uint(std::string_view key) const;
  Result<double> get_float(std::string_view key) const;
  Result<bool> get_bool(std::string_view key) const;
  Result<std::string> get_string(std::string_view key) const;

  /// Optional values: `fallback` when the key is absent; errors as above when it is there and wrong.
  Result<uint64_t> get_uint_or(std::string_view key, uint64_t fallback) const;
  Result<double> get_float_or(std::string_view key, double fallback) const;
  Result<bool> get_bool_or(std::string_view key, bool fallback) const;
  Result<std::string> get_string_or(std::string_view key, std::string fallback) const;

  /// Array of strings, integers or floats of any width. Errors as above.
  Result<const std::vector<std::string>*> get_strings(std::string_view key) const;
  Result<std::vector<int64_t>> get_ints(std::string_view key) const;
  Result<std::vector<float>> get_floats(std::string_view key) const;
};

/// The value as a person reads it: numbers, quoted strings, "[1, 2, 3, ... 32000 in all]".
std::string to_string(const Value& value);
/// "u32", "string", "array of f32"
std::string type_name(const Value& value);

}  // namespace kilter::gguf
