#include "cli/option.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>

#include "base/utf8.h"
#include "cli/suggest.h"

namespace kilter::cli {
namespace {

template <typename T>
constexpr std::string_view kNumberName = "a whole number";
template <>
constexpr std::string_view kNumberName<double> = "a number";

template <typename T>
struct Unwrapped {
  using Type = T;
};
template <typename T>
struct Unwrapped<std::optional<T>> {
  using Type = T;
};

Error wrong_value(const Option& option, std::string sentence) {
  return {ErrorCode::usage, std::string(option.name()), std::move(sentence), ""};
}

std::string range_text(const Range& range) {
  if (std::isfinite(range.min) && std::isfinite(range.max)) {
    return fmt::format(" from {} to {}", range.min, range.max);
  }
  if (std::isfinite(range.min)) return fmt::format(", at least {}", range.min);
  if (std::isfinite(range.max)) return fmt::format(", at most {}", range.max);
  return "";
}

template <typename T>
Result<T> read_number(const Option& option, const std::string& text) {
  T number{};
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  const bool in_range = static_cast<double>(number) >= option.range.min &&
                        static_cast<double>(number) <= option.range.max;  // NaN is in no range
  if (parsed.ec != std::errc() || parsed.ptr != end || !in_range) {
    return wrong_value(
        option, fmt::format("needs {}{}, got {}", kNumberName<T>, range_text(option.range), quoted(text)));
  }
  return number;
}

Status check_choice(const Option& option, const std::string& text) {
  const auto& choices = option.choices;
  if (choices.empty() || std::find(choices.begin(), choices.end(), text) != choices.end()) return {};
  Error error = wrong_value(option, fmt::format("{} is none of: {}", quoted(text), fmt::join(choices, ", ")));
  error.cure = did_you_mean(text, choices);
  return error;
}

/// How many values a target takes.
template <typename T>
constexpr bool kTakesMany = std::is_same_v<T, std::vector<std::string>>;

template <typename T>
Status assign_to(T& target, const Option& option, std::span<const std::string> values) {
  using Value = typename Unwrapped<T>::Type;
  if (!kTakesMany<T> && values.size() > 1) return wrong_value(option, "is given twice");
  for (const std::string& value : values) KILTER_TRY(check_choice(option, value));
  if constexpr (std::is_same_v<T, bool>) {
    if (!values.empty()) return wrong_value(option, fmt::format("takes no value, got {}", quoted(values[0])));
    target = true;
  } else if constexpr (kTakesMany<T>) {
    target.assign(values.begin(), values.end());
  } else if constexpr (std::is_same_v<Value, std::string>) {
    target = values[0];
  } else {
    KILTER_ASSIGN(target, read_number<Value>(option, values[0]));
  }
  return {};
}

template <typename T>
std::string text_of(const T& value) {
  if constexpr (std::is_same_v<T, bool> || kTakesMany<T>) {
    return "";
  } else if constexpr (std::is_same_v<T, std::string> || std::is_arithmetic_v<T>) {
    return fmt::format("{}", value);
  } else {
    return value ? text_of(*value) : "";
  }
}

}  // namespace

std::vector<std::string_view> Option::spellings() const {
  std::vector<std::string_view> all;
  for (std::string_view rest = names; !rest.empty();) {
    const size_t comma = std::min(rest.find(','), rest.size());
    all.push_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return all;
}

std::string_view Option::name() const {
  const auto all = spellings();
  return *std::max_element(all.begin(), all.end(), [](auto a, auto b) { return a.size() < b.size(); });
}

Option json_option(bool& json) {
  return {.names = "--json", .target = &json, .help = "Print the report as JSON, for programs."};
}

std::string default_text(const Option& option) {
  if (option.positional()) return "";
  return std::visit([](const auto* target) { return text_of(*target); }, option.target);
}

Status assign(const Option& option, std::span<const std::string> values) {
  return std::visit([&](auto* target) { return assign_to(*target, option, values); }, option.target);
}

}  // namespace kilter::cli
