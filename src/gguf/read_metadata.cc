#include "gguf/read_metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "gguf/format.h"

namespace kilter::gguf {
namespace {

// A reader of a value and a reader of an array's elements for each type, at the
// index that is the type's number.
using ReadValue = Result<Value> (*)(FieldReader&);
using ReadElements = Result<Array> (*)(FieldReader&, uint64_t count, int depth);

Result<Array> read_array(FieldReader& in, int depth);

Result<bool> read_bool(FieldReader& in) {
  const uint64_t at = in.offset();
  KILTER_ASSIGN(const uint8_t byte, in.number<uint8_t>("the bool"));
  if (byte > 1) {
    return in.corrupt(fmt::format("a bool is 0 or 1, and the byte at {} is {}", at, byte),
                      "the file is damaged");
  }
  return byte == 1;
}

Result<std::string> read_string(FieldReader& in) {
  KILTER_ASSIGN(const std::string_view text,
                in.string("the string", 0, std::numeric_limits<uint64_t>::max()));
  return std::string(text);
}

template <typename T>
Result<Value> number_value(FieldReader& in) {
  KILTER_ASSIGN(const T number, in.number<T>("the value"));
  return Value(number);
}

Result<Value> bool_value(FieldReader& in) {
  KILTER_ASSIGN(const bool value, read_bool(in));
  return Value(value);
}

Result<Value> string_value(FieldReader& in) {
  KILTER_ASSIGN(std::string text, read_string(in));
  return Value(std::move(text));
}

Result<Value> array_value(FieldReader& in) {
  KILTER_ASSIGN(Array array, read_array(in, 1));
  return Value(std::move(array));
}

template <typename T>
Result<Array> number_elements(FieldReader& in, uint64_t count, int) {
  const auto bytes = in.proved_bytes(count * sizeof(T));
  std::vector<T> numbers(count);
  if (count != 0) std::memcpy(numbers.data(), bytes.data(), bytes.size());
  if (in.byte_order() == ByteOrder::big) {
    for (T& number : numbers) number = reverse_bytes(number);
  }
  return Array{std::move(numbers)};
}

Result<Array> bool_elements(FieldReader& in, uint64_t count, int) {
  std::vector<bool> bools(count);
  for (uint64_t i = 0; i < count; ++i) {
    in.enter_element(i);
    KILTER_ASSIGN(bools[i], read_bool(in));
  }
  return Array{std::move(bools)};
}

Result<Array> string_elements(FieldReader& in, uint64_t count, int) {
  std::vector<std::string> strings;
  strings.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    in.enter_element(i);
    KILTER_ASSIGN(std::string text, read_string(in));
    strings.push_back(std::move(text));
  }
  return Array{std::move(strings)};
}

Result<Array> array_elements(FieldReader& in, uint64_t count, int depth) {
  std::vector<Array> arrays;
  arrays.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    in.enter_element(i);
    KILTER_ASSIGN(Array array, read_array(in, depth + 1));
    arrays.push_back(std::move(array));
  }
  return Array{std::move(arrays)};
}

struct TypeRow {
  ReadValue read_value;
  ReadElements read_elements;
  uint64_t min_bytes;
};

template <typename T>
constexpr TypeRow number_row() {
  return {number_value<T>, number_elements<T>, sizeof(T)};
}

constexpr std::array kTypes = {
    number_row<uint8_t>(),
    number_row<int8_t>(),
    number_row<uint16_t>(),
    number_row<int16_t>(),
    number_row<uint32_t>(),
    number_row<int32_t>(),
    number_row<float>(),
    TypeRow{bool_value, bool_elements, 1},
    TypeRow{string_value, string_elements, kMinStringBytes},
    TypeRow{array_value, array_elements, kMinArrayBytes},
    number_row<uint64_t>(),
    number_row<int64_t>(),
    number_row<double>(),
};
static_assert(kTypes.size() == std::variant_size_v<Value>);

Result<const TypeRow*> read_type(FieldReader& in, std::string_view field) {
  const uint64_t at = in.offset();
  KILTER_ASSIGN(const uint32_t number, in.number<uint32_t>(field));
  if (number >= kTypes.size()) {
    return in.corrupt(fmt::format("{} is {} (at byte {}), and the format knows 0 to {}", field, number, at,
                                  kTypes.size() - 1),
                      "the file is damaged, or newer than this build");
  }
  return &kTypes[number];
}

Result<Array> read_array(FieldReader& in, int depth) {
  if (depth > kMaxArrayDepth) {
    return in.corrupt(fmt::format("arrays are nested deeper than {} at byte {}", kMaxArrayDepth, in.offset()),
                      "the file is damaged");
  }
  KILTER_ASSIGN(const TypeRow* type, read_type(in, "the type of the elements"));
  KILTER_ASSIGN(const uint64_t count, in.count("the number of elements", type->min_bytes));
  KILTER_ASSIGN(Array array, type->read_elements(in, count, depth));
  return array;
}

Status prove_distinct(const FieldReader& in, const std::vector<KeyValue>& entries) {
  std::vector<std::string_view> keys;
  keys.reserve(entries.size());
  for (const KeyValue& entry : entries) keys.emplace_back(entry.key);
  std::sort(keys.begin(), keys.end());
  if (const auto twice = std::adjacent_find(keys.begin(), keys.end()); twice != keys.end()) {
    return in.corrupt(
        fmt::format("key {} is there twice, and nothing says which value counts", quoted(*twice)),
        "the file is damaged, or its converter is wrong");
  }
  return {};
}

}  // namespace

Result<Metadata> read_metadata(FieldReader& in, uint64_t count) {
  Metadata metadata;
  metadata.entries.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    in.enter(fmt::format("key {} of {}", i + 1, count));
    KILTER_ASSIGN(const std::string_view key, in.string("the key", 1, kMaxKeyBytes));
    in.enter("key " + quoted(key));
    KILTER_ASSIGN(const TypeRow* type, read_type(in, "the type of the value"));
    KILTER_ASSIGN(Value value, type->read_value(in));
    metadata.entries.push_back({std::string(key), std::move(value)});
  }
  in.enter("metadata");
  KILTER_TRY(prove_distinct(in, metadata.entries));
  return metadata;
}

}  // namespace kilter::gguf
