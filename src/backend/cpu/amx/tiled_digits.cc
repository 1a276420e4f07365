#include "backend/cpu/amx/tiled_digits.h"

#include <cstring>

#include "backend/cpu/avx512/kernels.h"

namespace kilter::cpu::amx {
namespace {

// Columns (tokens times planes) from which on tiles win.
constexpr int64_t kFewestColumns = 16;

constexpr int64_t kStepValues = 64;  // of a column in one tile
constexpr int64_t kStepBytes = 16 * kStepValues;

}  // namespace

int64_t tiled_digit_bytes(const QuantisedRows& x) {
  if (x.rows * x.planes < kFewestColumns) return 0;
  return x.blocks() * x.tile_count() * 16 * kBlockValues;
}

void lay_tiles(int64_t row_begin, int64_t row_end, const QuantisedRows& x) {
  for (int64_t block = 0; block < x.blocks(); ++block) {
    for (int64_t row = row_begin; row < row_end; ++row) {
      const int8_t* from = x.digits + x.column(block, row) * kBlockValues;
      const int64_t first = row % x.rows_of_tile() * x.planes;
      int8_t* tile = x.tile(block, row / x.rows_of_tile());
      for (int64_t column = first; column < first + x.planes; ++column, from += kBlockValues) {
        int8_t* to = tile + column * kStepValues;
        for (int64_t step = 0; step < kBlockValues / kStepValues; ++step) {
          std::memcpy(to + step * kStepBytes, from + step * kStepValues, kStepValues);
        }
      }
    }
  }
}

void quantise(const float* x, int64_t row_begin, int64_t row_end, const QuantisedRows& to) {
  if (to.tiles == nullptr) return avx512::kernels().quantise(x, row_begin, row_end, to);
  for (int64_t row = row_begin; row < row_end; ++row) {  // while its digits are in the L1 cache
    avx512::kernels().quantise(x, row, row + 1, to);
    lay_tiles(row, row + 1, to);
  }
}

}  // namespace kilter::cpu::amx
