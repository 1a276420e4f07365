// QuantisedRows of kernel_table.h.
#pragma once

#include "backend/cpu/float/lanes.h"
#include "backend/cpu/kernel_table.h"

namespace kilter::cpu {

/// What the digits of a block are made with. inverse = 0 makes all of them 0.
struct BlockScale {
  float scale = 0;
  float inverse = 0;
};

template <FloatLanes L>
BlockScale block_scale(float largest, int planes) {
  if (!(largest < __builtin_inff())) return {.scale = __builtin_nanf("")};
  if (largest < 0x1p-100F) return {};
  const float top = planes == 1 ? 127.0F : planes == 2 ? 32639.0F : 8355710.0F;
  return {.scale = largest / top, .inverse = top / largest};
}

/// One block of 256: x are its first n values, digits its planes [plane][256], sums [plane][16].
template <FloatLanes L>
float quantise_block(const float* x, int64_t n, int planes, int8_t* digits, int16_t* sums) {
  // A copy with zeros behind it, so that all that follows is 16 times 16.
  float filled[kBlockValues];
  if (n < kBlockValues) {
    for (int64_t k = 0; k < kBlockValues; ++k) filled[k] = k < n ? x[k] : 0.0F;
    x = filled;
  }
  auto magnitude = L::bits(L::all(0.0F));
  for (int k = 0; k < kBlockValues; k += 16) {
    magnitude = L::larger_ints(magnitude, L::bits(absolute(L::load(x + k))));
  }
  const float largest = __builtin_bit_cast(float, L::largest_int(magnitude));
  const BlockScale scale = block_scale<L>(largest, planes);
  if (scale.inverse == 0) {
    __builtin_memset(digits, 0, static_cast<size_t>(planes) * kBlockValues);
    __builtin_memset(sums, 0, static_cast<size_t>(planes) * 16 * sizeof(int16_t));
    return scale.scale;
  }
  const L inverse = L::all(scale.inverse);
  for (int k = 0; k < kBlockValues; k += 16) {
    auto rest = L::nearest(L::load(x + k) * inverse);
    for (int p = 0; p < planes; ++p) {
      L::store_low_bytes(rest, digits + p * kBlockValues + k);
      rest = L::next_digits(rest);
    }
  }
  for (int p = 0; p < planes; ++p) L::group_sums(digits + p * kBlockValues, sums + p * 16);
  return scale.scale;
}

template <FloatLanes L>
void quantise(const float* x, int64_t row_begin, int64_t row_end, const QuantisedRows& to) {
  for (int64_t row = row_begin; row < row_end; ++row) {
    for (int64_t block = 0; block < to.blocks(); ++block) {
      const int64_t first = block * kBlockValues;
      const int64_t n = to.cols - first < kBlockValues ? to.cols - first : kBlockValues;
      const int64_t column = to.column(block, row);
      to.scale[block * to.rows + row] = quantise_block<L>(
          x + row * to.cols + first, n, to.planes, to.digits + column * kBlockValues, to.sums + column * 16);
    }
  }
}

}  // namespace kilter::cpu
