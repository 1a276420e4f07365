// What a column of numbers looks like.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace kilter {

/// The line that people print of a value. Sums run in f64, from first to last.
struct Stats {
  int64_t count = 0;      ///< all elements
  int64_t n_nan = 0;      ///< not a number, of either sign
  int64_t n_pos_inf = 0;  ///< +infinity
  int64_t n_neg_inf = 0;  ///< -infinity
  int64_t n_finite = 0;   ///< the rest, which the following four are of; each is NaN where there is none
  double min = kNone;
  double max = kNone;
  double mean = kNone;
  double rms = kNone;        ///< sqrt of the mean square
  std::vector<float> first;  ///< the first elements as they are, at most kEnd
  std::vector<float> last;   ///< the last ones, at most kEnd; none that `first` has

  static constexpr size_t kEnd = 3;
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
};

Stats stats_of(std::span<const float> values);

}  // namespace kilter
