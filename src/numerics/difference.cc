#include "numerics/difference.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "numerics/ulp.h"

namespace kilter {
namespace {

struct Sums {
  double error = 0;  // of (got - want)^2
  double got = 0;    // of got^2
  double want = 0;   // of want^2
  double product = 0;
};

double ratio(double part, double whole) {
  if (whole != 0) return part / whole;
  return part == 0 ? 0.0 : std::numeric_limits<double>::infinity();
}

double cosine(const Sums& sums) {
  if (sums.got == 0 && sums.want == 0) return 1;
  if (sums.got == 0 || sums.want == 0) return 0;
  return sums.product / (std::sqrt(sums.got) * std::sqrt(sums.want));
}

// ln of the sum of exp(x_i), computed so that it cannot overflow.
double log_sum_exp(std::span<const float> x) {
  const double largest = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (const float v : x) sum += std::exp(v - largest);
  return largest + std::log(sum);
}

}  // namespace

Difference difference(std::span<const float> got, std::span<const float> want) {
  Difference d;
  Sums sums;
  int64_t n_finite = 0;
  d.count = static_cast<int64_t>(want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::bit_cast<uint32_t>(got[i]) != std::bit_cast<uint32_t>(want[i])) ++d.n_other_bits;
    const double g = got[i];
    const double w = want[i];
    if (!std::isfinite(g) || !std::isfinite(w)) {
      if (g != w) ++d.n_incomparable;
      continue;
    }
    ++n_finite;
    const double error = std::abs(g - w);
    if (error > d.max_abs) {
      d.max_abs = error;
      d.max_abs_at = static_cast<int64_t>(i);
    }
    if (w != 0) d.max_rel = std::max(d.max_rel, error / std::abs(w));
    d.max_ulps = std::max(d.max_ulps, ulp_distance(got[i], want[i]));
    sums.error += error * error;
    sums.got += g * g;
    sums.want += w * w;
    sums.product += g * w;
  }
  if (n_finite != 0) d.rms = std::sqrt(sums.error / static_cast<double>(n_finite));
  d.nmse = ratio(sums.error, sums.want);
  d.cosine = cosine(sums);
  return d;
}

double kl_divergence(std::span<const float> got, std::span<const float> want) {
  const double got_total = log_sum_exp(got);
  const double want_total = log_sum_exp(want);
  double sum = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double log_p = want[i] - want_total;
    const double p = std::exp(log_p);
    if (p != 0) sum += p * (log_p - (got[i] - got_total));  // 0 ln 0 is 0
  }
  return sum;
}

}  // namespace kilter
