// MatmulJob for one way to multiply: panels one after the other, in each the blocks in ascending order, in
// each block all columns. A panel is read once from memory; the digits of a block come from L2.
#pragma once

#include "backend/cpu/avx2/matmul_tile.h"

namespace kilter::cpu::avx2 {

// acc [rows][16] f32.
constexpr int64_t matmul_scratch_bytes(int64_t rows) { return rows * kPanelRows * 4; }

namespace {

// The digits as numbers of 16 bits, in the order of widen_codes(): k 0, 2, 1, 3 of every four.
inline void widen_digits(const int8_t* digits, int64_t columns, std::byte* to) {
  for (int64_t i = 0; i < columns * kBlockValues; i += 32, to += 64) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(digits + i));
    const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8);
    const __m256i odd = _mm256_srai_epi16(bytes, 8);
    const __m256i low = _mm256_unpacklo_epi32(even, odd);
    const __m256i high = _mm256_unpackhi_epi32(even, odd);
    store(to, _mm256_permute2x128_si256(low, high, 0x20));
    store(to + 32, _mm256_permute2x128_si256(low, high, 0x31));
  }
}

template <typename Dot, typename Kind, int kLines, int kColumns = Dot::kColumns>
inline void multiply_tile(int64_t columns, const OpenBlock<Dot>& w, const PanelFormat& format,
                          const Tile& tile) {
  if (columns == kColumns) return Kind::template multiply<Dot, kColumns, kLines>(w, format, tile);
  if constexpr (kColumns > 1) multiply_tile<Dot, Kind, kLines, kColumns - 1>(columns, w, format, tile);
}

// All tokens of one block. Tiles differ by one token at most: seven columns are 4 + 3, not 6 + 1.
template <typename Dot, typename Kind, int kLines>
inline void multiply_block(const OpenBlock<Dot>& w, const MatmulJob& job, int64_t block, float* acc) {
  const QuantisedRows& x = *job.x;
  if (x.rows == 0) return;
  const int64_t most = Dot::kColumns / x.planes;
  const int64_t tiles = (x.rows + most - 1) / most;
  [[maybe_unused]] alignas(64) std::byte wide[Dot::kColumns * kBlockValues * Dot::kDigitBytes];
  const int64_t tokens = x.rows / tiles;
  const int64_t longer = x.rows % tiles;
  int64_t begin = 0;
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t end = begin + tokens + (i < longer ? 1 : 0);
    const int64_t columns = (end - begin) * x.planes;
    const int64_t first = x.column(block, begin);
    Tile tile{.digits = reinterpret_cast<const std::byte*>(x.digits + first * kBlockValues),
              .sums = x.sums + first * 16,
              .scale = x.scale + block * x.rows + begin,
              .acc = acc + begin * kPanelRows,
              .planes = x.planes};
    if constexpr (Dot::kDigitBytes == 2) {
      widen_digits(x.digits + first * kBlockValues, columns, wide);
      tile.digits = wide;
    }
    multiply_tile<Dot, Kind, kLines>(columns, w, job.w->format, tile);
    begin = end;
  }
}

inline void write_rows(const MatmulJob& job, int64_t panel, const float* acc) {
  const int64_t first = panel * kPanelRows;
  const int64_t left = job.w->rows - first;
  for (int64_t t = 0; t < job.x->rows; ++t) {
    float* to = job.y + t * job.y_stride + first;
    const float* from = acc + t * kPanelRows;
    if (left >= kPanelRows) {
      _mm256_storeu_ps(to, _mm256_load_ps(from));
      _mm256_storeu_ps(to + kHalfRows, _mm256_load_ps(from + kHalfRows));
    } else {
      for (int64_t r = 0; r < left; ++r) to[r] = from[r];
    }
  }
}

}  // namespace

/// `Kind` is UnitTile for integer scales, GroupTile for float ones; kLines lines are summed at once.
template <typename Dot, typename Kind, int kLines>
void multiply_panels(const MatmulJob& job) {
  const PackedWeight& w = *job.w;
  auto* acc = reinterpret_cast<float*>(job.scratch);
  OpenBlock<Dot> open;
  for (int64_t panel = job.panel_begin; panel < job.panel_end; ++panel) {
    const std::byte* bytes = w.panel(panel);
    for (int64_t i = 0; i < job.x->rows * kPanelRows; i += kHalfRows) {
      _mm256_store_ps(acc + i, _mm256_setzero_ps());
    }
    for (int64_t block = 0; block < w.blocks(); ++block) {
      const int64_t left = w.cols - block * kBlockValues;
      const int64_t n = left < kBlockValues ? left : kBlockValues;
      open_block(bytes, w.format, n, open);
      bytes += w.format.block_bytes(n);
      multiply_block<Dot, Kind, kLines>(open, job, block, acc);
    }
    write_rows(job, panel, acc);
  }
}

}  // namespace kilter::cpu::avx2
