// Cosines and sines of rotary position embedding, the same bits on every machine.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/layer.h"

namespace kilter::cpu {

/// cos and sin of an angle in radians.
/// Rounding f64 without fused operations: within 2.3e-16 of the exact values for |angle| <= 2^30, measured
///          against long double. The system's own functions differ between versions in the last bit.
struct Turn {
  double cos;
  double sin;
};
Turn turn_of(double angle);

/// The factors of a batch's rows.  magnitude * cos(position * frequency), rounded once to f32; sin alike.
class RopeTable {
 public:
  /// Makes the rows of these positions, unless they are the ones it holds.
  void prepare(std::span<const int32_t> positions, const Rope& rope);

  /// [n_rot / 2] of row t.
  const float* cos(int64_t t) const { return cos_.data() + t * half_; }
  const float* sin(int64_t t) const { return sin_.data() + t * half_; }

 private:
  int64_t half_ = 0;
  double magnitude_ = 0;
  std::vector<double> frequency_;
  std::vector<int32_t> positions_;
  std::vector<float> cos_;
  std::vector<float> sin_;
};

}  // namespace kilter::cpu
