// AttentionJob of kernel_table.h: mix.
#pragma once

#include <utility>

#include "backend/cpu/float/numbers.h"
#include "backend/cpu/float/tile.h"
#include "backend/cpu/kernel_table.h"

namespace kilter::cpu {

/// Some elements of up to 64 positions of one head, with the queries of one tile.
struct MixTile {
  const std::byte* v = nullptr;  ///< element 0 of the tile in position 0
  int64_t next = 0;       ///< bytes from v to the same place in the block that follows, to be prefetched
  int64_t row_bytes = 0;  ///< from position to position
  int64_t positions = 0;
  const float* p = nullptr;  ///< [queries, p_stride]
  int64_t p_stride = 0;
  float* y = nullptr;  ///< [queries, y_stride], added to
  int64_t y_stride = 0;
  int elements = 0;  ///< of mix_last(): 1..16
};

/// y += p v for Q queries and V vectors of 16 elements.
template <FloatLanes L, typename Numbers, int Q>
void mix_tile(const MixTile& tile) {
  constexpr int V = tile_vectors(Q, L::kRegisters);
  L acc[size_t{Q}][size_t{V}];
  for (int h = 0; h < Q; ++h) {
    for (int v = 0; v < V; ++v) acc[h][v] = L::all(0.0F);
  }
  const std::byte* row = tile.v;
  const float* p = tile.p;
  for (int64_t l = 0; l < tile.positions; ++l, row += tile.row_bytes, ++p) {
    L value[size_t{V}];
    for (int v = 0; v < V; ++v) value[v] = Numbers::load(row + 16 * v * Numbers::kBytes);
    for (int64_t line = 0; line < 16 * V * Numbers::kBytes; line += 64)
      __builtin_prefetch(row + tile.next + line);
    for (int h = 0; h < Q; ++h) {
      const L weight = L::all(p[h * tile.p_stride]);
      for (int v = 0; v < V; ++v) acc[h][v] = fma(weight, value[v], acc[h][v]);
    }
  }
  for (int h = 0; h < Q; ++h) {
    for (int v = 0; v < V; ++v) {
      float* y = tile.y + h * tile.y_stride + 16 * v;
      (L::load(y) + acc[h][v]).store(y);
    }
  }
}

/// The same for one vector that may be cut off.
template <FloatLanes L, typename Numbers, int Q>
void mix_last(const MixTile& tile) {
  L acc[size_t{Q}];
  for (int h = 0; h < Q; ++h) acc[h] = L::all(0.0F);
  const std::byte* row = tile.v;
  for (int64_t l = 0; l < tile.positions; ++l, row += tile.row_bytes) {
    const L value = Numbers::load_first(row, tile.elements);
    for (int h = 0; h < Q; ++h) acc[h] = fma(L::all(tile.p[h * tile.p_stride + l]), value, acc[h]);
  }
  for (int h = 0; h < Q; ++h) {
    float* y = tile.y + h * tile.y_stride;
    (L::load_first(y, tile.elements) + acc[h]).store_first(y, tile.elements);
  }
}

/// All elements of one block: `tile` names element 0.
template <FloatLanes L, typename Numbers, int Q>
void mix_block(const MixTile& tile) {
  constexpr int64_t kStep = 16 * tile_vectors(Q, L::kRegisters);
  MixTile part = tile;
  for (int64_t i = 0; i < tile.y_stride;) {
    const int64_t left = tile.y_stride - i;
    part.v = tile.v + i * Numbers::kBytes;
    part.y = tile.y + i;
    if (left >= kStep) {
      mix_tile<L, Numbers, Q>(part);
      i += kStep;
    } else {
      part.elements = left < 16 ? static_cast<int>(left) : 16;
      mix_last<L, Numbers, Q>(part);
      i += part.elements;
    }
  }
}

template <FloatLanes L, typename Numbers, int... I>
void mix_block_of(int queries, const MixTile& tile, std::integer_sequence<int, I...>) {
  constexpr void (*kBlocks[])(const MixTile&) = {mix_block<L, Numbers, I + 1>...};
  kBlocks[queries - 1](tile);
}

template <FloatLanes L, typename Numbers>
void mix_of(const AttentionJob& job) {
  constexpr int kMost = tile_broadcasts(L::kRegisters);
  for (int64_t i = 0; i < job.queries * job.v.width; ++i) job.y[i] = 0;
  for (int64_t first = 0; first < job.visible; first += 64) {
    const std::byte* v = job.v.head(job.blocks[first / 64], job.kv_head);
    const bool last = first + 64 >= job.visible;
    const std::byte* next = last ? v : job.v.head(job.blocks[first / 64 + 1], job.kv_head);
    in_even_parts(job.queries, kMost, [&](int64_t h, int queries) {
      const MixTile tile{.v = v,
                         .next = next - v,
                         .row_bytes = job.v.width * Numbers::kBytes,
                         .positions = job.visible - first < 64 ? job.visible - first : 64,
                         .p = job.s + h * job.s_stride + first,
                         .p_stride = job.s_stride,
                         .y = job.y + h * job.v.width,
                         .y_stride = job.v.width};
      mix_block_of<L, Numbers>(queries, tile, std::make_integer_sequence<int, kMost>{});
    });
  }
}

template <FloatLanes L>
void attention_mix(const AttentionJob& job) {
  job.v.type == KvType::f16 ? mix_of<L, F16Numbers<L>>(job) : mix_of<L, F32Numbers<L>>(job);
}

}  // namespace kilter::cpu
