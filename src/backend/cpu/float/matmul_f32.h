// F32MatmulJob of kernel_table.h.
#pragma once

#include <utility>

#include "backend/cpu/float/numbers.h"
#include "backend/cpu/float/panel_values.h"
#include "backend/cpu/float/tile.h"
#include "backend/cpu/kernel_table.h"

namespace kilter::cpu {

/// Tokens of a tile: with four panels 24 sums in the 32 registers of AVX-512, with one panel 12 halves in
/// the 16 of AVX2; 10 loads for 24 multiplications, which leaves the load ports idle half of the time.
constexpr int kTileTokens = 6;

/// y += w x for some panels, tokens and a stretch of k.
struct F32Tile {
  const std::byte* w = nullptr;  ///< [k][16] of the first panel
  int64_t panel_bytes = 0;       ///< from panel to panel
  const float* x = nullptr;      ///< [tokens, x_stride]
  int64_t x_stride = 0;
  int64_t n = 0;       ///< values of k
  float* y = nullptr;  ///< [tokens, y_stride]: the first row of the first panel
  int64_t y_stride = 0;
  int64_t rows = 0;  ///< of y that belong to these panels: the last one may have less than 16
};

/// P panels and T tokens. A sum is one chain, so only other sums hide the latency of fma: 4 cycles, two a
/// cycle, at least 8 of them.
template <FloatLanes L, typename Numbers, int T, int P>
void f32_tile(const F32Tile& tile) {
  const auto valid = [&](int p) { return p + 1 < P ? 16 : static_cast<int>(tile.rows - 16 * (P - 1)); };
  L acc[size_t{T}][size_t{P}];
  for (int t = 0; t < T; ++t) {
    for (int p = 0; p < P; ++p) acc[t][p] = L::load_first(tile.y + t * tile.y_stride + 16 * p, valid(p));
  }
  const std::byte* w = tile.w;
  const float* x = tile.x;
  for (int64_t k = 0; k < tile.n; ++k, w += 16 * Numbers::kBytes, ++x) {
    L weight[size_t{P}];
    for (int p = 0; p < P; ++p) weight[p] = Numbers::load(w + p * tile.panel_bytes);
    for (int t = 0; t < T; ++t) {
      const L value = L::all(x[t * tile.x_stride]);
      for (int p = 0; p < P; ++p) acc[t][p] = fma(weight[p], value, acc[t][p]);
    }
  }
  for (int t = 0; t < T; ++t) {
    for (int p = 0; p < P; ++p) acc[t][p].store_first(tile.y + t * tile.y_stride + 16 * p, valid(p));
  }
}

/// T tokens with all panels that tile.rows counts.
template <FloatLanes L, typename Numbers, int T>
void f32_panels(const F32Tile& tile) {
  constexpr int P = tile_vectors(T, L::kRegisters);
  F32Tile part = tile;
  int64_t left = tile.rows;
  while (left > 0) {
    const int64_t panels = left > 16 * (P - 1) ? P : 1;
    part.rows = left < 16 * panels ? left : 16 * panels;
    panels == P ? f32_tile<L, Numbers, T, P>(part) : f32_tile<L, Numbers, T, 1>(part);
    part.w += panels * tile.panel_bytes;
    part.y += panels * 16;
    left -= part.rows;
  }
}

template <FloatLanes L, typename Numbers, int... I>
void f32_tokens(const F32Tile& tile, int64_t tokens, std::integer_sequence<int, I...>) {
  constexpr void (*kTiles[])(const F32Tile&) = {f32_panels<L, Numbers, I + 1>...};
  in_even_parts(tokens, kTileTokens, [&](int64_t first, int count) {
    F32Tile part = tile;
    part.x += first * tile.x_stride;
    part.y += first * tile.y_stride;
    kTiles[count - 1](part);
  });
}

template <FloatLanes L, typename Numbers>
void f32_stretch(const F32Tile& tile, int64_t tokens) {
  f32_tokens<L, Numbers>(tile, tokens, std::make_integer_sequence<int, kTileTokens>{});
}

/// Plain panels, four at a time. Stretches of 128 k: four panels of f32 are then 32 KiB, which stays in the
/// first cache while all tokens pass.
template <FloatLanes L, typename Numbers>
void plain_matmul_f32(const F32MatmulJob& job) {
  constexpr int64_t kStretch = 128;
  constexpr int64_t kPanels = 4;
  const PackedWeight& w = *job.w;
  for (int64_t panel = job.panel_begin; panel < job.panel_end; panel += kPanels) {
    const int64_t end = panel + kPanels < job.panel_end ? panel + kPanels : job.panel_end;
    const int64_t first_row = panel * kPanelRows;
    F32Tile tile{.panel_bytes = w.panel_bytes(),
                 .x_stride = w.cols,
                 .y = job.y + first_row,
                 .y_stride = job.y_stride,
                 .rows = (end * kPanelRows < w.rows ? end * kPanelRows : w.rows) - first_row};
    for (int64_t k = 0; k < w.cols; k += kStretch) {
      tile.w = w.panel(panel) + k * kPanelRows * Numbers::kBytes;
      tile.x = job.x + k;
      tile.n = w.cols - k < kStretch ? w.cols - k : kStretch;
      f32_stretch<L, Numbers>(tile, job.rows);
    }
  }
}

/// Integer panels: a block at a time becomes f32 in scratch and is used for all tokens.
template <FloatLanes L>
void integer_matmul_f32(const F32MatmulJob& job) {
  const PackedWeight& w = *job.w;
  auto* values = reinterpret_cast<float*>(job.scratch);
  for (int64_t panel = job.panel_begin; panel < job.panel_end; ++panel) {
    const std::byte* block = w.panel(panel);
    const int64_t first_row = panel * kPanelRows;
    F32Tile tile{.w = job.scratch,
                 .x_stride = w.cols,
                 .y = job.y + first_row,
                 .y_stride = job.y_stride,
                 .rows = w.rows - first_row < kPanelRows ? w.rows - first_row : kPanelRows};
    for (int64_t k = 0; k < w.cols; k += kBlockValues) {
      tile.x = job.x + k;
      tile.n = w.cols - k < kBlockValues ? w.cols - k : kBlockValues;
      panel_values<L>(block, w.format, tile.n, values);
      block += w.format.block_bytes(tile.n);
      f32_stretch<L, F32Numbers<L>>(tile, job.rows);
    }
  }
}

template <FloatLanes L>
void matmul_f32(const F32MatmulJob& job) {
  const int64_t first = job.panel_begin * kPanelRows;
  const int64_t last = job.panel_end * kPanelRows < job.w->rows ? job.panel_end * kPanelRows : job.w->rows;
  for (int64_t t = 0; t < job.rows; ++t) {
    for (int64_t o = first; o < last; ++o) job.y[t * job.y_stride + o] = 0;
  }
  switch (job.w->kind) {
    case PanelKind::integer:
      return integer_matmul_f32<L>(job);
    case PanelKind::f32:
      return plain_matmul_f32<L, F32Numbers<L>>(job);
    case PanelKind::f16:
      return plain_matmul_f32<L, F16Numbers<L>>(job);
    case PanelKind::bf16:
      return plain_matmul_f32<L, Bf16Numbers<L>>(job);
  }
}

}  // namespace kilter::cpu
