#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace kilter {
namespace {

// The pair whose wave turns `rotations` times over the original context, as a real
// number (Peng et al. 2023, eq. 19).
double pair_with_rotations(const RopeConfig& c, double rotations) {
  const double context = static_cast<double>(c.original_context_length);
  return static_cast<double>(c.dimension_count) * std::log(context / (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(c.freq_base));
}

// Share of the unstretched frequency in pair i: 1 for short waves, 0 for long ones.
double yarn_extrapolation(const RopeConfig& c, int64_t pair) {
  const double last = static_cast<double>(c.dimension_count - 1);
  const double low = std::max(0.0, std::floor(pair_with_rotations(c, c.yarn_beta_fast)));
  const double high = std::min(last, std::ceil(pair_with_rotations(c, c.yarn_beta_slow)));
  const double width = std::max(0.001, high - low);  // low == high would divide by zero
  const double ramp = std::clamp((static_cast<double>(pair) - low) / width, 0.0, 1.0);
  return c.yarn_ext_factor * (1 - ramp);
}

double yarn_magnitude(const RopeConfig& c) {
  if (c.yarn_attn_factor != 0) return c.yarn_attn_factor;
  const bool stretched = c.factor > 1 && c.yarn_ext_factor != 0;
  return stretched ? 1 + 0.1 * std::log(c.factor) : 1.0;
}

}  // namespace

Rope make_rope(const RopeConfig& c, RopePairs pairs, std::span<const float> factors) {
  Rope rope{.pairs = pairs, .n_rot = c.dimension_count, .frequency = {}, .magnitude = c.attn_factor};
  if (c.scaling == RopeScaling::yarn) rope.magnitude *= yarn_magnitude(c);
  for (int64_t i = 0; i < c.dimension_count / 2; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(c.dimension_count);
    double frequency = std::pow(c.freq_base, exponent);
    if (!factors.empty()) frequency /= double{factors[static_cast<size_t>(i)]};
    if (c.scaling == RopeScaling::linear) frequency /= c.factor;
    if (c.scaling == RopeScaling::yarn) {
      const double extrapolated = yarn_extrapolation(c, i);
      frequency *= extrapolated + (1 - extrapolated) / c.factor;
    }
    rope.frequency.push_back(frequency);
  }
  return rope;
}

}  // namespace kilter
