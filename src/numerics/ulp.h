// How far apart two f32 are, counted in f32.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <limits>

namespace kilter {

/// The distance to a NaN.
constexpr int64_t kUlpsToNan = std::numeric_limits<int64_t>::max();

/// How many steps from one representable number to the next lead from a to b; the largest finite number is
/// one step from infinity, and +0 is none from -0. 0 for two NaN, kUlpsToNan where one of them is.
/// Source   Dawson, "Comparing Floating Point Numbers", 2012: the bits of an f32 are in the order of the
/// numbers.
inline int64_t ulp_distance(float a, float b) {
  const bool a_is_nan = a != a;
  const bool b_is_nan = b != b;
  if (a_is_nan || b_is_nan) return a_is_nan && b_is_nan ? 0 : kUlpsToNan;
  const auto place = [](float x) {  // on a line whose 0 is zero
    const auto bits = std::bit_cast<uint32_t>(x);
    const auto magnitude = static_cast<int64_t>(bits & 0x7fffffffU);
    return bits >> 31 == 0 ? magnitude : -magnitude;
  };
  return std::abs(place(a) - place(b));
}

}  // namespace kilter
