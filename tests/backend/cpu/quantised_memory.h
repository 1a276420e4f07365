// Rows of activations as digits, made by the definition: the operand of integer product tests.
#pragma once

#include <algorithm>
#include <vector>

#include "backend/cpu/kernel_table.h"
#include "definition.h"

namespace kilter::cpu {

/// QuantisedRows with its memory.
class QuantisedMemory {
 public:
  static constexpr int8_t kNothing = 77;  ///< in columns of tiles without a row

  QuantisedMemory(const float* x, int64_t rows, int64_t cols, int planes) {
    view_ = {.rows = rows, .cols = cols, .planes = planes};
    const auto columns = static_cast<size_t>(view_.blocks() * rows * planes);
    digits_.resize(columns * kBlockValues);
    sums_.resize(columns * 16);
    scale_.resize(static_cast<size_t>(view_.blocks() * rows));
    view_.digits = digits_.data();
    view_.sums = sums_.data();
    view_.scale = scale_.data();
    const int64_t tiles = (rows + 16 / planes - 1) / (16 / planes);
    tiles_.assign(static_cast<size_t>(view_.blocks() * (tiles + tiles % 2)) * kTile, kNothing);
    view_.tiles = tiles_.data();
    for (int64_t t = 0; t < rows; ++t) {
      defined_.push_back(defined_quantised(x + t * cols, cols, planes));
      fill_row(t);
    }
  }

  const QuantisedRows& rows() const { return view_; }
  const std::vector<int8_t>& tiles() const { return tiles_; }
  const DefinedRow& defined(int64_t row) const { return defined_[static_cast<size_t>(row)]; }

 private:
  void fill_row(int64_t t) {
    const DefinedRow& row = defined(t);
    for (int64_t b = 0; b < view_.blocks(); ++b) {
      scale_[static_cast<size_t>(b * view_.rows + t)] = row.scale[static_cast<size_t>(b)];
      const int64_t n = std::min<int64_t>(kBlockValues, view_.cols - b * kBlockValues);
      for (int64_t p = 0; p < view_.planes; ++p) {
        const int64_t column = view_.column(b, t) + p;
        for (int64_t k = n; k < kBlockValues; ++k) tiled(b, t, p, k) = 0;
        for (int64_t k = 0; k < n; ++k) {
          const int32_t digit = row.digits[static_cast<size_t>(p)][static_cast<size_t>(b * kBlockValues + k)];
          digits_[static_cast<size_t>(column * kBlockValues + k)] = static_cast<int8_t>(digit);
          tiled(b, t, p, k) = static_cast<int8_t>(digit);
          auto& sum = sums_[static_cast<size_t>(column * 16 + k / 16)];
          sum = static_cast<int16_t>(sum + digit);
        }
      }
    }
  }

  // kernel_table.h: [block][tile][64 values of 4][column of 16][64], 16 / planes rows a tile, tiles even.
  int8_t& tiled(int64_t block, int64_t row, int64_t plane, int64_t k) {
    const int64_t rows_of_tile = 16 / view_.planes;
    const int64_t tiles = static_cast<int64_t>(tiles_.size() / kTile) / view_.blocks();
    const int64_t tile = block * tiles + row / rows_of_tile;
    const int64_t column = row % rows_of_tile * view_.planes + plane;
    return tiles_[static_cast<size_t>(((tile * 4 + k / 64) * 16 + column) * 64 + k % 64)];
  }
  static constexpr size_t kTile = 4096;

  QuantisedRows view_;
  std::vector<int8_t> digits_;
  std::vector<int8_t> tiles_;
  std::vector<int16_t> sums_;
  std::vector<float> scale_;
  std::vector<DefinedRow> defined_;
};

}  // namespace kilter::cpu
