#include "numerics/stats.h"

#include <algorithm>
#include <cmath>

namespace kilter {

Stats stats_of(std::span<const float> values) {
  Stats stats;
  stats.count = static_cast<int64_t>(values.size());
  double sum = 0;
  double squares = 0;
  for (const float value : values) {
    if (std::isnan(value)) {
      ++stats.n_nan;
    } else if (std::isinf(value)) {
      ++(value > 0 ? stats.n_pos_inf : stats.n_neg_inf);
    } else {
      const double x = value;
      stats.min = stats.n_finite == 0 ? x : std::min(stats.min, x);
      stats.max = stats.n_finite == 0 ? x : std::max(stats.max, x);
      sum += x;
      squares += x * x;
      ++stats.n_finite;
    }
  }
  if (stats.n_finite != 0) {
    stats.mean = sum / static_cast<double>(stats.n_finite);
    stats.rms = std::sqrt(squares / static_cast<double>(stats.n_finite));
  }
  const size_t n_first = std::min(values.size(), Stats::kEnd);
  const size_t n_last = std::min(values.size() - n_first, Stats::kEnd);
  stats.first.assign(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n_first));
  stats.last.assign(values.end() - static_cast<std::ptrdiff_t>(n_last), values.end());
  return stats;
}

}  // namespace kilter
