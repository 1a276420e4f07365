#include "numerics/decision.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace kilter {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<int64_t> largest(std::span<const float> values, size_t k) {
  const auto number = [&](int64_t i) {
    const float v = values[static_cast<size_t>(i)];
    return std::isnan(v) ? -std::numeric_limits<float>::infinity() : v;
  };
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(k);
  std::partial_sort(order.begin(), end, order.end(), [&](int64_t a, int64_t b) {
    return number(a) != number(b) ? number(a) > number(b) : a < b;
  });
  return {order.begin(), end};
}

// gap / bound; nothing is proved by a gap that is no number.
double ratio_of(double gap, double bound) {
  if (std::isnan(gap) || !(bound < kInfinity)) return 0;
  if (bound == 0) return gap > 0 ? kInfinity : 0;
  return gap / bound;
}

bool same_set(std::vector<int64_t> a, std::vector<int64_t> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

}  // namespace

Choice Decision::choice() const {
  if (ratio < 1) return Choice::undecidable;
  return same_set(chosen, right) ? Choice::same : Choice::different;
}

Decision decide(std::span<const float> values, std::span<const float> oracle, std::span<const double> bounds,
                size_t k) {
  Decision decision{.chosen = largest(values, k), .right = largest(oracle, k), .ratio = kInfinity};
  std::vector<bool> is_right(oracle.size());
  for (const int64_t i : decision.right) is_right[static_cast<size_t>(i)] = true;
  for (const int64_t in : decision.right) {
    const auto i = static_cast<size_t>(in);
    for (size_t out = 0; out < oracle.size(); ++out) {
      if (is_right[out]) continue;
      const double gap = double{oracle[i]} - double{oracle[out]};
      const double bound = bounds[i] + bounds[out];
      const double ratio = ratio_of(gap, bound);
      if (!(ratio < decision.ratio)) continue;
      decision.gap = gap;
      decision.bound = bound;
      decision.ratio = ratio;
    }
  }
  return decision;
}

}  // namespace kilter
