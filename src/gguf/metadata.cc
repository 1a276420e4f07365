#include "gguf/metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/utf8.h"

namespace kilter::gguf {
namespace {

template <typename T>
constexpr bool kIsInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;
template <typename T>
constexpr bool kIsNumber = kIsInteger<T> || std::is_floating_point_v<T>;

Error absent(std::string_view key) {
  return Error{ErrorCode::not_found, "key " + quoted(key), "the file does not have it",
               "convert the model again with a current converter"};
}

Error wrong_type(std::string_view key, std::string_view expected, const std::string& actual) {
  return Error{ErrorCode::corrupt, "key " + quoted(key),
               fmt::format("expected {}, the file has {}", expected, actual),
               "convert the model again with a current converter"};
}

Error does_not_fit(std::string_view key, const std::string& value, std::string_view expected) {
  return Error{ErrorCode::corrupt, "key " + quoted(key), fmt::format("{} is not {}", value, expected), ""};
}

// ---- From what the file has to what the caller wants, or nothing when a digit would be lost.

struct ToUint {
  static constexpr std::string_view kWanted = "an integer of 0 or more";
  template <typename T>
  static constexpr bool kAccepts = kIsInteger<T>;
  template <typename T>
  static std::optional<uint64_t> convert(T value) {
    if (!std::in_range<uint64_t>(value)) return std::nullopt;
    return static_cast<uint64_t>(value);
  }
};

struct ToInt {
  static constexpr std::string_view kWanted = "an integer of 64 bits with sign";
  template <typename T>
  static constexpr bool kAccepts = kIsInteger<T>;
  template <typename T>
  static std::optional<int64_t> convert(T value) {
    if (!std::in_range<int64_t>(value)) return std::nullopt;
    return static_cast<int64_t>(value);
  }
};

/// An integer whose magnitude fits the digits of Float is exact in it.
template <typename Float, typename T>
bool integer_is_exact(T value) {
  constexpr uint64_t kExact = uint64_t{1} << std::numeric_limits<Float>::digits;
  if constexpr (std::is_signed_v<T>) {
    return value >= 0 ? static_cast<uint64_t>(value) <= kExact : static_cast<uint64_t>(-(value + 1)) < kExact;
  } else {
    return value <= kExact;
  }
}

struct ToDouble {
  static constexpr std::string_view kWanted = "a number that a 64-bit float holds exactly";
  template <typename T>
  static constexpr bool kAccepts = kIsNumber<T>;
  template <typename T>
  static std::optional<double> convert(T value) {
    if constexpr (std::is_integral_v<T>) {
      if (!integer_is_exact<double>(value)) return std::nullopt;
    }
    return static_cast<double>(value);
  }
};

struct ToFloat {
  static constexpr std::string_view kWanted = "a number that a 32-bit float holds exactly";
  template <typename T>
  static constexpr bool kAccepts = kIsNumber<T>;
  template <typename T>
  static std::optional<float> convert(T value) {
    if constexpr (std::is_integral_v<T>) {
      if (!integer_is_exact<float>(value)) return std::nullopt;
    }
    if constexpr (std::is_same_v<T, double>) {
      if (std::isfinite(value) && std::abs(value) > double{std::numeric_limits<float>::max()})
        return std::nullopt;
      if (!std::isnan(value) && double{static_cast<float>(value)} != value) return std::nullopt;
    }
    return static_cast<float>(value);
  }
};

struct ToBool {
  static constexpr std::string_view kWanted = "a bool";
  template <typename T>
  static constexpr bool kAccepts = std::is_same_v<T, bool>;
  template <typename T>
  static std::optional<bool> convert(T value) {
    return value;
  }
};

template <typename To, typename Out>
Result<Out> get_scalar(std::string_view key, const Value& value) {
  return std::visit(
      [&](const auto& stored) -> Result<Out> {
        using T = std::decay_t<decltype(stored)>;
        if constexpr (To::template kAccepts<T>) {
          const auto converted = To::convert(stored);
          if (!converted) return does_not_fit(key, to_string(value), To::kWanted);
          return *converted;
        } else {
          return wrong_type(key, To::kWanted, type_name(value));
        }
      },
      value);
}

template <typename To, typename Out>
Result<std::vector<Out>> get_array(std::string_view key, const Value& value) {
  const Array* array = std::get_if<Array>(&value);
  if (array == nullptr) return wrong_type(key, "an array", type_name(value));
  return std::visit(
      [&](const auto& stored) -> Result<std::vector<Out>> {
        using T = typename std::decay_t<decltype(stored)>::value_type;
        std::vector<Out> out;
        if constexpr (To::template kAccepts<T>) {
          out.reserve(stored.size());
          for (const T& element : stored) {
            const auto converted = To::convert(element);
            if (!converted)
              return does_not_fit(key, fmt::format("element {}: {}", out.size(), element), To::kWanted);
            out.push_back(*converted);
          }
          return out;
        } else {
          return wrong_type(key, fmt::format("an array, each {}", To::kWanted), type_name(value));
        }
      },
      array->elements);
}

}  // namespace

const Value* Metadata::find(std::string_view key) const {
  const auto entry =
      std::find_if(entries.begin(), entries.end(), [key](const KeyValue& e) { return e.key == key; });
  return entry == entries.end() ? nullptr : &entry->value;
}

Result<uint64_t> Metadata::get_uint(std::string_view key) const {
  const Value* value = find(key);
  return value == nullptr ? absent(key) : get_scalar<ToUint, uint64_t>(key, *value);
}

Result<double> Metadata::get_float(std::string_view key) const {
  const Value* value = find(key);
  return value == nullptr ? absent(key) : get_scalar<ToDouble, double>(key, *value);
}

Result<bool> Metadata::get_bool(std::string_view key) const {
  const Value* value = find(key);
  return value == nullptr ? absent(key) : get_scalar<ToBool, bool>(key, *value);
}

Result<std::string> Metadata::get_string(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return absent(key);
  const std::string* text = std::get_if<std::string>(value);
  if (text == nullptr) return wrong_type(key, "a string", type_name(*value));
  return *text;
}

Result<uint64_t> Metadata::get_uint_or(std::string_view key, uint64_t fallback) const {
  return find(key) == nullptr ? fallback : get_uint(key);
}

Result<double> Metadata::get_float_or(std::string_view key, double fallback) const {
  return find(key) == nullptr ? fallback : get_float(key);
}

Result<bool> Metadata::get_bool_or(std::string_view key, bool fallback) const {
  return find(key) == nullptr ? fallback : get_bool(key);
}

Result<std::string> Metadata::get_string_or(std::string_view key, std::string fallback) const {
  return find(key) == nullptr ? std::move(fallback) : get_string(key);
}

Result<const std::vector<std::string>*> Metadata::get_strings(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return absent(key);
  const Array* array = std::get_if<Array>(value);
  const auto* strings = array == nullptr ? nullptr : std::get_if<std::vector<std::string>>(&array->elements);
  if (strings == nullptr) return wrong_type(key, "an array of strings", type_name(*value));
  return strings;
}

Result<std::vector<int64_t>> Metadata::get_ints(std::string_view key) const {
  const Value* value = find(key);
  return value == nullptr ? absent(key) : get_array<ToInt, int64_t>(key, *value);
}

Result<std::vector<float>> Metadata::get_floats(std::string_view key) const {
  const Value* value = find(key);
  return value == nullptr ? absent(key) : get_array<ToFloat, float>(key, *value);
}

}  // namespace kilter::gguf
