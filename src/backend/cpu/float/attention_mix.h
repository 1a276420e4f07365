// AttentionJob of kernel_table.h: mix.
#pragma once

#include <utility>

#include "backend/cpu/float/attention_block.h"

namespace kilter::cpu {

/// Some elements of up to 64 positions of one head, with the queries of one register tile.
struct MixTile {
  const std::byte* v = nullptr;     ///< element 0 of the tile in position 0
  const std::byte* next = nullptr;  ///< of the block that follows, to be prefetched
  int64_t row_bytes = 0;            ///< from position to position
  const float* p = nullptr;         ///< [queries, 64]
  float* y = nullptr;               ///< [queries, y_stride], added to
  int64_t y_stride = 0;
  int elements = 16;      ///< of mix_last(), and of each vector in finish_ragged(): 1..16
  int64_t positions = 0;  ///< that all queries see
  bool ragged = false;    ///< whether some see more: seen[query] of them
  int64_t seen[8] = {};   ///< tile_broadcasts() is at most 8
};

/// Goes on with the sums of the positions that all queries see, [queries, vectors, 16], where some see more.
template <FloatLanes L, typename Block>
void finish_ragged(const MixTile& tile, int queries, int vectors, const float* sums) {
  for (int h = 0; h < queries; ++h) {
    for (int v = 0; v < vectors; ++v) {
      L acc = L::load(sums + (h * vectors + v) * 16);
      const std::byte* row = tile.v + 16 * v * Block::kBytes;
      for (int64_t l = tile.positions; l < tile.seen[h]; ++l) {
        const L value = Block::load_first(row + l * tile.row_bytes, tile.elements);
        acc = fma(L::all(tile.p[h * 64 + l]), value, acc);
      }
      float* y = tile.y + h * tile.y_stride + 16 * v;
      (L::load_first(y, tile.elements) + acc).store_first(y, tile.elements);
    }
  }
}

/// y += p v for Q queries and V vectors of 16 elements.
template <FloatLanes L, typename Block, int Q, int V>
void mix_tile(const MixTile& tile) {
  L acc[size_t{Q}][size_t{V}];
  for (int h = 0; h < Q; ++h) {
    for (int v = 0; v < V; ++v) acc[h][v] = L::all(0.0F);
  }
  const std::byte* row = tile.v;
  const std::byte* next = tile.next;
  const float* p = tile.p;
  for (int64_t l = 0; l < tile.positions; ++l, row += tile.row_bytes, ++p) {
    L value[size_t{V}];
    for (int v = 0; v < V; ++v) value[v] = Block::load(row + 16 * v * Block::kBytes);
    if constexpr (Block::kPrefetches) {
      for (int64_t line = 0; line < 16 * V * Block::kBytes; line += 64) __builtin_prefetch(next + line);
      next += 16 * V * Block::kBytes;
    }
    for (int h = 0; h < Q; ++h) {
      const L weight = L::all(p[h * 64]);
      for (int v = 0; v < V; ++v) acc[h][v] = fma(weight, value[v], acc[h][v]);
    }
  }
  if (tile.ragged) {
    float sums[size_t{Q * V * 16}];
    for (int h = 0; h < Q; ++h) {
      for (int v = 0; v < V; ++v) acc[h][v].store(sums + (h * V + v) * 16);
    }
    finish_ragged<L, Block>(tile, Q, V, sums);
    return;
  }
  float* y = tile.y;
  for (int h = 0; h < Q; ++h, y += tile.y_stride) {
    for (int v = 0; v < V; ++v) (L::load(y + 16 * v) + acc[h][v]).store(y + 16 * v);
  }
}

/// The same for one vector that is cut off.
template <FloatLanes L, typename Block, int Q>
void mix_last(const MixTile& tile) {
  L acc[size_t{Q}];
  for (int h = 0; h < Q; ++h) acc[h] = L::all(0.0F);
  const std::byte* row = tile.v;
  for (int64_t l = 0; l < tile.positions; ++l, row += tile.row_bytes) {
    const L value = Block::load_first(row, tile.elements);
    for (int h = 0; h < Q; ++h) acc[h] = fma(L::all(tile.p[h * 64 + l]), value, acc[h]);
  }
  float sums[size_t{Q * 16}];
  for (int h = 0; h < Q; ++h) acc[h].store(sums + h * 16);
  finish_ragged<L, Block>(tile, Q, 1, sums);
}

/// All elements of one block: `tile` names element 0.
template <FloatLanes L, typename Block, int Q>
void mix_block(const MixTile& tile) {
  constexpr int V = tile_vectors(Q, L::kRegisters);
  MixTile part = tile;
  for (int64_t i = 0; i < tile.y_stride;) {
    const int64_t left = tile.y_stride - i;
    part.v = tile.v + i * Block::kBytes;
    part.next = tile.next + i * Block::kBytes * tile.positions;
    part.y = tile.y + i;
    if (left >= 16 * V) {
      mix_tile<L, Block, Q, V>(part);
      i += 16 * V;
    } else if (left >= 16) {
      mix_tile<L, Block, Q, 1>(part);
      i += 16;
    } else {
      part.elements = static_cast<int>(left);
      mix_last<L, Block, Q>(part);
      i += left;
    }
  }
}

template <FloatLanes L, typename Block, int... I>
void mix_block_of(int queries, const MixTile& tile, std::integer_sequence<int, I...>) {
  constexpr void (*kBlocks[])(const MixTile&) = {mix_block<L, Block, I + 1>...};
  kBlocks[queries - 1](tile);
}

/// All queries that see the block of positions [begin, begin + 64), which lies at v.
template <FloatLanes L, typename Block>
void mix_all(const AttentionJob& job, int64_t begin, const std::byte* v, const std::byte* next) {
  const auto seen_of = [&](int64_t visible) {
    const int64_t seen = visible - begin;
    return seen < 0 ? 0 : seen < 64 ? seen : 64;
  };
  each_query_tile<L>(job, begin, [&](int64_t first, int count, int64_t least, int64_t most) {
    MixTile tile{.v = v, .next = next, .row_bytes = job.v.width * Block::kBytes};
    tile.p = job.s + begin / 64 * job.step + first * 64;
    tile.y = job.y + first * job.v.width;
    tile.y_stride = job.v.width;
    tile.positions = seen_of(least);
    tile.ragged = seen_of(most) != tile.positions;
    for (int h = 0; h < count; ++h) {
      tile.seen[h] = tile.ragged ? seen_of(job.visible[(first + h) / job.queries]) : tile.positions;
    }
    mix_block_of<L, Block>(count, tile, std::make_integer_sequence<int, kTileQueries<L>>{});
  });
}

template <FloatLanes L, typename Numbers>
void mix_of(const AttentionJob& job) {
  const int64_t n = job.rows * job.queries;
  const int64_t seen = job.visible[job.rows - 1];
  for (int64_t i = 0; i < n * job.v.width; ++i) job.y[i] = 0;
  for (int64_t begin = 0; begin < seen; begin += 64) {
    const std::byte* v = job.v.head(job.blocks[begin / 64], job.kv_head);
    const bool last = begin + 64 >= seen;
    const std::byte* next = last ? v : job.v.head(job.blocks[begin / 64 + 1], job.kv_head);
    if (opens_blocks<L>(job)) {
      const int64_t positions = last ? seen - begin : 64;
      v = open_block<L, Numbers>(v, next, positions * job.v.width, job.open);
      mix_all<L, OpenBlock<L>>(job, begin, v, v);
    } else {
      mix_all<L, StoredBlock<L, Numbers>>(job, begin, v, next);
    }
  }
}

template <FloatLanes L>
void attention_mix(const AttentionJob& job) {
  job.v.type == KvType::f16 ? mix_of<L, F16Numbers<L>>(job) : mix_of<L, F32Numbers<L>>(job);
}

}  // namespace kilter::cpu
