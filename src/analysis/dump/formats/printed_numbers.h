// How exact printed numbers are, from their digits.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

namespace kilter::analysis {

/// "1.5", "-inf", "nan", "1e-05"; nothing when `text` is anything else.
std::optional<double> parse_number(std::string_view text);

/// Gathers the digits of the numbers that were printed alike, and tells by which unit they are rounded.
class PrintedNumbers {
 public:
  /// As it was printed, trailing zeros and all.
  void add(std::string_view text);
  /// A number whose text is gone: the shortest text that gives it.
  void add(double number);

  /// The numbers are multiples of this, rounded: 1e-4 for %.4f; for %g the coarsest among them. 0 where as
  /// many digits are shown as an f32 has, or too little to tell.
  double quantum() const;

 private:
  std::map<int, int64_t> decimals_;     // how many numbers have so many digits behind the point
  std::map<int, int64_t> significant_;  // ... so many digits without leading zeros
  int largest_exponent_ = -1000;
  int smallest_exponent_ = 1000;
  int64_t count_ = 0;
  bool fractions_ = false;
};

}  // namespace kilter::analysis
