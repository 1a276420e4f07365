#include "analysis/dump/formats/printed_numbers.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/letters.h"

namespace kilter::analysis {
namespace {

constexpr int kDigitsOfF32 = 8;       // with fewer significant digits an f32 was rounded
constexpr int kDecimalsOfPrints = 6;  // %f prints so many; floats in full have more, some of them at least
constexpr int kLongestText = 64;

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  const bool sign = negative || (!text.empty() && text[0] == '+');
  const std::string_view rest = text.substr(sign ? 1 : 0);
  if (same_letters(rest, "nan")) return std::numeric_limits<double>::quiet_NaN();
  if (same_letters(rest, "inf") || same_letters(rest, "infinity")) {
    const double infinity = std::numeric_limits<double>::infinity();
    return negative ? -infinity : infinity;
  }
  if (rest.empty() || (rest[0] != '.' && (rest[0] < '0' || rest[0] > '9'))) return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (end != rest.data() + rest.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return negative ? -0.0 : 0.0;
  if (error != std::errc()) return std::nullopt;
  return negative ? -number : number;
}

void PrintedNumbers::add(std::string_view text) {
  const auto number = parse_number(text);
  if (!number || !std::isfinite(*number) || text.size() > kLongestText) return;
  const size_t e = text.find_first_of("eE");
  const std::string_view mantissa = text.substr(0, e);
  int power = 0;
  if (e != std::string_view::npos) {
    std::string_view digits = text.substr(e + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    std::from_chars(digits.data(), digits.data() + digits.size(), power);
    if (std::abs(power) > 400) return;
  }
  const size_t point = mantissa.find('.');
  const int behind = point == std::string_view::npos ? 0 : static_cast<int>(mantissa.size() - point - 1);
  int digits = 0;
  for (const char c : mantissa) {
    if (c >= '0' && c <= '9' && (digits > 0 || c != '0')) ++digits;
  }
  ++count_;
  fractions_ = fractions_ || behind > 0 || power < 0;
  ++decimals_[std::max(0, behind - power)];
  if (*number == 0) return;
  ++significant_[digits];
  const int exponent = static_cast<int>(std::floor(std::log10(std::abs(*number))));
  largest_exponent_ = std::max(largest_exponent_, exponent);
  smallest_exponent_ = std::min(smallest_exponent_, exponent);
}

void PrintedNumbers::add(double number) {
  std::array<char, kLongestText> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc()) add(std::string_view(text.data(), static_cast<size_t>(end - text.data())));
}

double PrintedNumbers::quantum() const {
  if (!fractions_ || significant_.empty()) return 0;
  const auto [decimals, with_decimals] = *decimals_.rbegin();
  const auto [significant, with_significant] = *significant_.rbegin();
  // Small numbers in full have more digits behind the point than prints of a fixed number show.
  const bool cut_short = decimals <= kDecimalsOfPrints || -smallest_exponent_ > decimals - kDigitsOfF32 + 2;
  const bool is_fixed = cut_short && decimals <= kDigitsOfF32 && 2 * with_decimals >= count_;
  const double fixed = std::pow(10.0, -decimals);
  if (significant >= kDigitsOfF32) return is_fixed ? fixed : 0;
  const double general = std::pow(10.0, largest_exponent_ - significant + 1);
  if (is_fixed && with_decimals > with_significant) return fixed;
  return is_fixed && with_decimals == with_significant ? std::max(fixed, general) : general;
}

}  // namespace kilter::analysis
