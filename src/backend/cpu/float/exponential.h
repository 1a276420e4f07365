// exp(x) of kernel_table.h.
#pragma once

#include "backend/cpu/float/lanes.h"

namespace kilter::cpu {

/// x = n ln 2 + r with |r| < 0.347, then 2^n (1 + r + r^2 (1/2 + ...)).
///
/// ln 2 is cut in two: kLn2High has 15 significant bits, so that n * kLn2High is exact for |n| <= 256, and
/// so is the difference from x. The polynomial is the minimax one of degree 6 on [-0.3468, 0.3468] (relative
/// error 0.07 * 2^-24 with the coefficients as rounded to f32; those of degree 0 to 2 are 1, 1, 1/2).
/// Most of the error is the rounding of the last two steps: half a unit, and 0.35 of half a unit of a number
/// above 1, which is up to twice as much where the sum is below 1. Found over all f32: 0.9092 units.
///
/// For |x| < 160 ln 2, where times_power() can scale, and NaN.
template <FloatLanes L>
L exponential_inside(L x) {
  // 1.5 * 2^23: a sum in [2^23, 2^24) has a last place of 1, so adding this rounds to the nearest integer.
  constexpr float kRounder = 0x1.8p+23F;
  constexpr float kLog2E = 0x1.715476p+0F;
  constexpr float kLn2High = 0x1.62e4p-1F;
  constexpr float kLn2Low = 0x1.7f7d1cp-20F;
  const L n = fma(x, L::all(kLog2E), L::all(kRounder)) - L::all(kRounder);
  const L r = fma(n, L::all(-kLn2Low), fma(n, L::all(-kLn2High), x));
  L p = L::all(0x1.6ff26cp-10F);
  p = fma(p, r, L::all(0x1.1257dap-7F));
  p = fma(p, r, L::all(0x1.5552fep-5F));
  p = fma(p, r, L::all(0x1.555466p-3F));
  p = fma(p, r, L::all(0.5F));
  p = fma(p, r, L::all(1.0F));
  p = fma(p, r, L::all(1.0F));
  return times_power(p, n);
}

/// exp(x) for x <= 0 and NaN. Below -104 n may be too large for times_power(), and x - n ln 2 is no small
/// number for infinite x. (To raise x to -105 instead would save an operation, and have the processor compute
/// a number that underflows for every masked score: that takes it a hundred cycles.)
template <FloatLanes L>
L exponential_to_one(L x) {
  return where_less(x, L::all(-104.0F), L::all(0.0F), exponential_inside(x));
}

/// exp(x) for any x; for large ones alike.
template <FloatLanes L>
L exponential(L x) {
  return where_less(L::all(89.0F), x, L::all(__builtin_inff()), exponential_to_one(x));
}

}  // namespace kilter::cpu
