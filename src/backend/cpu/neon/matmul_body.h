// MatmulJob for one way to multiply: panels one after the other, in each the blocks in ascending order, in
// each block all columns. A panel is read once from memory; the digits of a block come from L2.
#pragma once

#include "backend/cpu/neon/matmul_tile.h"

namespace kilter::cpu::neon {

// acc [rows][16] f32.
constexpr int64_t matmul_scratch_bytes(int64_t rows) { return rows * kPanelRows * 4; }

namespace {

template <typename Dot, typename Kind, int kColumns = kTileColumns>
inline void multiply_tile(int64_t columns, const OpenBlock<Dot>& w, const PanelFormat& format,
                          const Tile& tile) {
  if (columns == kColumns) return Kind::template multiply<Dot, kColumns>(w, format, tile);
  if constexpr (kColumns > 1) multiply_tile<Dot, Kind, kColumns - 1>(columns, w, format, tile);
}

// All tokens of one block. Tiles differ by one token at most: seven columns are 4 + 3, not 6 + 1.
template <typename Dot, typename Kind>
inline void multiply_block(const OpenBlock<Dot>& w, const MatmulJob& job, int64_t block, float* acc) {
  const QuantisedRows& x = *job.x;
  if (x.rows == 0) return;
  const int64_t most = kTileColumns / x.planes;
  const int64_t tiles = (x.rows + most - 1) / most;
  const int64_t tokens = x.rows / tiles;
  const int64_t longer = x.rows % tiles;
  int64_t begin = 0;
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t end = begin + tokens + (i < longer ? 1 : 0);
    const int64_t first = x.column(block, begin);
    const Tile tile{.digits = x.digits + first * kBlockValues,
                    .sums = x.sums + first * 16,
                    .scale = x.scale + block * x.rows + begin,
                    .acc = acc + begin * kPanelRows,
                    .planes = x.planes};
    multiply_tile<Dot, Kind>((end - begin) * x.planes, w, job.w->format, tile);
    begin = end;
  }
}

inline void write_rows(const MatmulJob& job, int64_t panel, const float* acc) {
  const int64_t first = panel * kPanelRows;
  const int64_t left = job.w->rows - first;
  const int64_t rows = left < kPanelRows ? left : kPanelRows;
  for (int64_t t = 0; t < job.x->rows; ++t) {
    float* to = job.y + t * job.y_stride + first;
    for (int64_t r = 0; r < rows; ++r) to[r] = acc[t * kPanelRows + r];
  }
}

/// `Kind` is UnitTile for integer scales, GroupTile for float ones.
template <typename Dot, typename Kind>
inline void multiply_panels(const MatmulJob& job) {
  const PackedWeight& w = *job.w;
  auto* acc = reinterpret_cast<float*>(job.scratch);
  OpenBlock<Dot> open;
  for (int64_t panel = job.panel_begin; panel < job.panel_end; ++panel) {
    const std::byte* bytes = w.panel(panel);
    for (int64_t i = 0; i < job.x->rows * kPanelRows; ++i) acc[i] = 0;
    for (int64_t block = 0; block < w.blocks(); ++block) {
      const int64_t left = w.cols - block * kBlockValues;
      const int64_t n = left < kBlockValues ? left : kBlockValues;
      open_block(bytes, w.format, n, open);
      bytes += w.format.block_bytes(n);
      multiply_block<Dot, Kind>(open, job, block, acc);
    }
    write_rows(job, panel, acc);
  }
}

}  // namespace

/// MatmulJob with `Dot`.
template <typename Dot>
void multiply(const MatmulJob& job) {
  if (job.w->format.scales == Scales::integer) {
    multiply_panels<Dot, UnitTile>(job);
  } else {
    multiply_panels<Dot, GroupTile>(job);
  }
}

}  // namespace kilter::cpu::neon
