// AttentionJob of kernel_table.h: scores.
#pragma once

#include <utility>

#include "backend/cpu/float/attention_block.h"

namespace kilter::cpu {

/// One block of one head, [width][64], with the queries of one register tile.
struct ScoreTile {
  const std::byte* k = nullptr;
  const std::byte* next = nullptr;  ///< the block that follows, to be prefetched
  const float* q = nullptr;         ///< [64 elements of queries, q_step]: AttentionJob::q
  int64_t q_step = 0;
  int64_t width = 0;
  int64_t positions = 0;  ///< that are wanted, at least
  float scale = 0;
  float* s = nullptr;  ///< [queries, 64]
};

/// The scores of Q queries, V vectors of 16 positions at a time. Queries and scores lie 64 apart, so one
/// pointer and fixed distances reach them all.
template <FloatLanes L, typename Block, int Q>
void score_tile(const ScoreTile& tile) {
  constexpr int V = tile_vectors(Q, L::kRegisters);
  constexpr int64_t kRowBytes = 64 * Block::kBytes;
  const std::byte* next = tile.next;
  for (int first = 0; first < 64 && first < tile.positions; first += 16 * V) {
    L acc[size_t{Q}][size_t{V}];
    for (int h = 0; h < Q; ++h) {
      for (int v = 0; v < V; ++v) acc[h][v] = L::all(0.0F);
    }
    const std::byte* k = tile.k + first * Block::kBytes;
    const float* q = tile.q;
    for (int64_t begin = 0; begin < tile.width; begin += 64, q += tile.q_step) {
      const int64_t n = tile.width - begin < 64 ? tile.width - begin : 64;
      for (int64_t i = 0; i < n; ++i, k += kRowBytes) {
        L key[size_t{V}];
        for (int v = 0; v < V; ++v) key[v] = Block::load(k + 16 * v * Block::kBytes);
        if constexpr (Block::kPrefetches) {
          for (int64_t line = 0; line < 16 * V * Block::kBytes; line += 64) __builtin_prefetch(next + line);
          next += 16 * V * Block::kBytes;
        }
        for (int h = 0; h < Q; ++h) {
          const L query = L::all(q[h * 64 + i]);
          for (int v = 0; v < V; ++v) acc[h][v] = fma(query, key[v], acc[h][v]);
        }
      }
    }
    const L scale = L::all(tile.scale);
    float* s = tile.s + first;
    for (int h = 0; h < Q; ++h) {
      for (int v = 0; v < V; ++v) (scale * acc[h][v]).store(s + h * 64 + 16 * v);
    }
  }
}

template <FloatLanes L, typename Block, int... I>
void score_tile_of(int queries, const ScoreTile& tile, std::integer_sequence<int, I...>) {
  constexpr void (*kTiles[])(const ScoreTile&) = {score_tile<L, Block, I + 1>...};
  kTiles[queries - 1](tile);
}

/// All queries that see the block of positions [begin, begin + 64); `block` names it.
template <FloatLanes L, typename Block>
void score_block(const AttentionJob& job, int64_t begin, const ScoreTile& block) {
  each_query_tile<L>(job, begin, [&](int64_t first, int count, int64_t, int64_t most) {
    ScoreTile tile = block;
    tile.q = job.q + first * 64;
    tile.q_step = job.step;
    tile.width = job.k.width;
    tile.positions = most - begin;
    tile.scale = job.scale;
    tile.s = job.s + begin / 64 * job.step + first * 64;
    score_tile_of<L, Block>(count, tile, std::make_integer_sequence<int, kTileQueries<L>>{});
  });
}

template <FloatLanes L, typename Numbers>
void scores_of(const AttentionJob& job) {
  const int64_t seen = job.visible[job.rows - 1];
  for (int64_t begin = 0; begin < seen; begin += 64) {
    const std::byte* k = job.k.head(job.blocks[begin / 64], job.kv_head);
    const bool last = begin + 64 >= seen;
    const std::byte* next = last ? k : job.k.head(job.blocks[begin / 64 + 1], job.kv_head);
    if (opens_blocks<L>(job)) {
      k = open_block<L, Numbers>(k, next, job.k.width * 64, job.open);
      score_block<L, OpenBlock<L>>(job, begin, {.k = k, .next = k});
    } else {
      score_block<L, StoredBlock<L, Numbers>>(job, begin, {.k = k, .next = next});
    }
  }
}

template <FloatLanes L>
void attention_scores(const AttentionJob& job) {
  job.k.type == KvType::f16 ? scores_of<L, F16Numbers<L>>(job) : scores_of<L, F32Numbers<L>>(job);
}

}  // namespace kilter::cpu
