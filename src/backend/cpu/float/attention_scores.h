// AttentionJob of kernel_table.h: scores.
#pragma once

#include <utility>

#include "backend/cpu/float/numbers.h"
#include "backend/cpu/float/tile.h"
#include "backend/cpu/kernel_table.h"

namespace kilter::cpu {

/// One block of one head, [width][64], with the queries of one tile.
struct ScoreTile {
  const std::byte* k = nullptr;
  const std::byte* next = nullptr;  ///< the block that follows, to be prefetched
  const float* q = nullptr;         ///< [queries, width]
  int64_t width = 0;
  float scale = 0;
  float* s = nullptr;  ///< [queries, s_stride]
  int64_t s_stride = 0;
};

/// The 64 scores of Q queries, V vectors of 16 positions at a time: a key is loaded (and converted: two
/// operations of the multiplier's ports) once for all Q.
template <FloatLanes L, typename Numbers, int Q>
void score_tile(const ScoreTile& tile) {
  constexpr int V = tile_vectors(Q, L::kRegisters);
  constexpr int64_t kRowBytes = 64 * Numbers::kBytes;
  for (int first = 0; first < 64; first += 16 * V) {
    L acc[size_t{Q}][size_t{V}];
    for (int h = 0; h < Q; ++h) {
      for (int v = 0; v < V; ++v) acc[h][v] = L::all(0.0F);
    }
    const std::byte* k = tile.k + first * Numbers::kBytes;
    const float* q = tile.q;
    for (int64_t i = 0; i < tile.width; ++i, k += kRowBytes, ++q) {
      L key[size_t{V}];
      for (int v = 0; v < V; ++v) key[v] = Numbers::load(k + 16 * v * Numbers::kBytes);
      if (first == 0) {  // blocks lie apart, so the processor's own prefetching begins anew in each
        for (int64_t line = 0; line < kRowBytes; line += 64) {
          __builtin_prefetch(tile.next + i * kRowBytes + line);
        }
      }
      for (int h = 0; h < Q; ++h) {
        const L query = L::all(q[h * tile.width]);
        for (int v = 0; v < V; ++v) acc[h][v] = fma(query, key[v], acc[h][v]);
      }
    }
    const L scale = L::all(tile.scale);
    for (int h = 0; h < Q; ++h) {
      for (int v = 0; v < V; ++v) (scale * acc[h][v]).store(tile.s + h * tile.s_stride + first + 16 * v);
    }
  }
}

template <FloatLanes L, typename Numbers, int... I>
void score_tile_of(int queries, const ScoreTile& tile, std::integer_sequence<int, I...>) {
  constexpr void (*kTiles[])(const ScoreTile&) = {score_tile<L, Numbers, I + 1>...};
  kTiles[queries - 1](tile);
}

template <FloatLanes L, typename Numbers>
void scores_of(const AttentionJob& job) {
  constexpr int kMost = tile_broadcasts(L::kRegisters);
  for (int64_t first = 0; first < job.visible; first += 64) {
    const std::byte* k = job.k.head(job.blocks[first / 64], job.kv_head);
    const bool last = first + 64 >= job.visible;
    const std::byte* next = last ? k : job.k.head(job.blocks[first / 64 + 1], job.kv_head);
    in_even_parts(job.queries, kMost, [&](int64_t h, int queries) {
      const ScoreTile tile{.k = k,
                           .next = next,
                           .q = job.q + h * job.k.width,
                           .width = job.k.width,
                           .scale = job.scale,
                           .s = job.s + h * job.s_stride + first,
                           .s_stride = job.s_stride};
      score_tile_of<L, Numbers>(queries, tile, std::make_integer_sequence<int, kMost>{});
    });
  }
}

template <FloatLanes L>
void attention_scores(const AttentionJob& job) {
  job.k.type == KvType::f16 ? scores_of<L, F16Numbers<L>>(job) : scores_of<L, F32Numbers<L>>(job);
}

}  // namespace kilter::cpu
