// Metadata values in words.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <type_traits>

#include "base/utf8.h"
#include "gguf/metadata.h"

namespace kilter::gguf {
namespace {

constexpr std::array<std::string_view, std::variant_size_v<Value>> kTypeNames = {
    "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"};

/// Longer arrays are shown by their first elements and their length.
constexpr size_t kShownWhole = 8;
constexpr size_t kShownOfMore = 3;

struct ToText {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(const std::string& value) const { return double_quoted(value); }
  template <typename T>
  std::string operator()(T value) const requires std::is_arithmetic_v<T> {
    return fmt::format("{}", value);  // for floats the fewest digits that give the same bits back
  }

  std::string operator()(const Array& array) const {
    return std::visit([this](const auto& elements) { return list(elements); }, array.elements);
  }

  template <typename Elements>
  std::string list(const Elements& elements) const {
    const size_t shown = elements.size() <= kShownWhole ? elements.size() : kShownOfMore;
    std::string text = "[";
    for (size_t i = 0; i < shown; ++i) {
      if (i != 0) text += ", ";
      text += (*this)(static_cast<const typename Elements::value_type&>(elements[i]));
    }
    if (shown < elements.size()) text += fmt::format(", ... {} in all", elements.size());
    return text + "]";
  }
};

std::string array_type_name(const Array& array) {
  const auto* nested = std::get_if<std::vector<Array>>(&array.elements);
  if (nested != nullptr && !nested->empty()) return "array of " + array_type_name(nested->front());
  return "array of " + std::string(kTypeNames[array.elements.index()]);
}

}  // namespace

size_t Array::size() const {
  return std::visit([](const auto& e) { return e.size(); }, elements);
}

std::string to_string(const Value& value) { return std::visit(ToText{}, value); }

std::string type_name(const Value& value) {
  const Array* array = std::get_if<Array>(&value);
  return array == nullptr ? std::string(kTypeNames[value.index()]) : array_type_name(*array);
}

}  // namespace kilter::gguf
