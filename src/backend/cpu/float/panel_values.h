// A block of an integer panel as f32: what the f32 product multiplies.
#pragma once

#include "backend/cpu/float/lanes.h"
#include "backend/cpu/packed_weight.h"

namespace kilter::cpu {

/// Sixteen scales or offsets at p, of a format's type.
template <FloatLanes L>
L lane_numbers(const std::byte* p, Scales scales) {
  return scales == Scales::f32 ? L::load(reinterpret_cast<const float*>(p)) : L::load_f16(p);
}

/// What multiplies the codes of one unit (see panel_format.h), and what is added to the product.
template <FloatLanes L>
struct UnitFactors {
  L scale;
  L offset;
};

/// `scales` is what follows the codes of a block of n values. d * sc and dmin * mn are exact: 11 bits times
/// 8.
template <FloatLanes L>
UnitFactors<L> unit_factors(const PanelFormat& f, const std::byte* scales, int64_t n, int64_t unit) {
  UnitFactors<L> factors{L::all(0.0F), L::all(0.0F)};
  if (f.scales == Scales::integer) {
    const int64_t units = n / f.unit;
    const std::byte* minimums = scales + units * kPanelRows;
    const std::byte* d = f.has_offset ? minimums + units * kPanelRows : minimums;
    factors.scale = L::load_f16(d) * L::to_floats(L::widen_i8(scales + unit * kPanelRows));
    if (f.has_offset) {
      const L minimum = L::to_floats(L::widen_u8(minimums + unit * kPanelRows));
      factors.offset = -(L::load_f16(d + 2 * kPanelRows) * minimum);
    }
    return factors;
  }
  const int64_t bytes = kPanelRows * (f.scales == Scales::f16 ? 2 : 4);
  factors.scale = lane_numbers<L>(scales + unit * bytes, f.scales);
  if (f.has_offset) factors.offset = lane_numbers<L>(scales + (n / f.group + unit) * bytes, f.scales);
  return factors;
}

/// The codes of value k as floats. A line of 4 values is 16 rows of 4 bytes: 16 integers, of which value k
/// takes byte k mod 4.
template <FloatLanes L>
L code_lanes(const std::byte* codes, const PanelFormat& f, int64_t n, int64_t k) {
  const int64_t line = k / kLineValues;
  const int byte = static_cast<int>(k % kLineValues) * 8;
  const auto field = [&](const std::byte* plane, int64_t per_byte, int width) {
    const int shift = byte + static_cast<int>(line % per_byte) * width;
    const std::byte* bytes = plane + line / per_byte * kLineBytes;
    return L::to_floats(L::field(L::load_ints(bytes), shift, (1 << width) - 1));
  };
  if (f.codes == Codes::byte) return field(codes, 1, 8);
  const L low = field(codes, 2, 4);
  if (f.codes == Codes::nibble) return low;
  const L high = f.codes == Codes::nibble_1 ? field(codes + 8 * n, 8, 1) : field(codes + 8 * n, 4, 2);
  return fma(high, L::all(16.0F), low);
}

/// Writes the n values of a block as [n][16].
template <FloatLanes L>
void panel_values(const std::byte* block, const PanelFormat& f, int64_t n, float* to) {
  const std::byte* scales = block + f.code_bytes(n);
  const L zero = L::all(static_cast<float>(f.zero));
  for (int64_t first = 0; first < n; first += f.unit) {
    const UnitFactors<L> factors = unit_factors<L>(f, scales, n, first / f.unit);
    for (int64_t k = first; k < first + f.unit; ++k) {
      const L q = code_lanes<L>(block, f, n, k) - zero;
      fma(factors.scale, q, factors.offset).store(to + k * kPanelRows);
    }
  }
}

}  // namespace kilter::cpu
