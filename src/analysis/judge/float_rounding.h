// Rounding of f32 to shorter floating-point types.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace kilter::analysis {

/// A type by its mantissa: bits of precision (the hidden one included) and the exponent of its smallest
/// normal number. bf16: 8, -126. f16: 11, -14. TF32: 11, -126.
struct ShortFloat {
  int precision;
  int least_exponent;
};
constexpr ShortFloat kBf16{8, -126};
constexpr ShortFloat kF16{11, -14};
constexpr ShortFloat kTf32{11, -126};

/// The distance of neighbours of the type around x.
inline double step_of(ShortFloat type, double x) {
  if (x == 0 || !std::isfinite(x)) return std::ldexp(1.0, type.least_exponent - type.precision + 1);
  const int exponent = std::max(std::ilogb(x), type.least_exponent);
  return std::ldexp(1.0, exponent - type.precision + 1);
}

/// x rounded to nearest even. Overflow is left alone: f16 beyond 65504 is a bug of its own.
inline float round_to(ShortFloat type, float x) {
  if (!std::isfinite(x)) return x;
  const double step = step_of(type, x);
  return static_cast<float>(std::nearbyint(double{x} / step) * step);
}

}  // namespace kilter::analysis
