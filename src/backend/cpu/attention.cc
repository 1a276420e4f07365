#include "backend/cpu/attention.h"

#include <algorithm>
#include <array>
#include <limits>

namespace kilter::cpu {
namespace {

constexpr float kUnseen = -std::numeric_limits<float>::infinity();
// Rows that are stored by one hand-out: those of a block write to the same lines.
constexpr int64_t kRowsAPiece = kKvBlock;

// Queries of a tile. From 64 on, opening a block costs less than a twentieth of the multiplications by it;
// below 8 registers stay empty. The scores of a tile stay in the second-level cache.
constexpr int64_t kMostQueries = 64;
constexpr int64_t kFewestQueries = 8;
constexpr int64_t kScoreBytes = 512 * 1024;
// Tiles for each thread, so that none waits long for another.
constexpr int64_t kTilesAThread = 2;

// AttentionJob::step. An odd number of tiles of 256 bytes: at a power of two apart, the tiles of one query
// would all fall into the same few sets of the first-level cache.
int64_t step_of(int64_t queries) { return (queries | 1) * kKvBlock; }

int64_t tiles_of(int64_t n) { return (n + kKvBlock - 1) / kKvBlock; }

// Between `n` numbers in a row and tiles of 64, `step` apart.
void to_tiles(const float* from, int64_t n, float* to, int64_t step) {
  for (int64_t i = 0; i < n; i += kKvBlock, to += step)
    std::copy_n(from + i, std::min<int64_t>(kKvBlock, n - i), to);
}
void from_tiles(const float* from, int64_t step, int64_t n, float* to) {
  for (int64_t i = 0; i < n; i += kKvBlock, from += step) {
    std::copy_n(from, std::min<int64_t>(kKvBlock, n - i), to + i);
  }
}

}  // namespace

// Rows [t, t + rows) of one sequence with the queries of one kv head. Of query h of them all:
struct Attention::Tile {
  int64_t t = 0;
  int64_t n_head = 0;
  std::array<int64_t, kMostQueries> visible = {};
  AttentionJob job;
  float* q = nullptr;  ///< where job.q points to

  int64_t queries() const { return job.rows * job.queries; }
  /// Its place among the heads of all rows.
  int64_t head(int64_t h) const {
    return (t + h / job.queries) * n_head + job.kv_head * job.queries + h % job.queries;
  }
  int64_t seen(int64_t h) const { return visible[static_cast<size_t>(h / job.queries)]; }
};

void Attention::store(CachePart part, const Tensor& x, const Batch& batch, const KvTables& tables,
                      const Tensor& pool) {
  const KvPool to = pool_of(pool, device_.kv_type());
  auto* const kernel = part == CachePart::keys ? kernels_.store_keys : kernels_.store_values;
  crew_.share(x.rows(), kRowsAPiece, [&](int64_t begin, int64_t end, std::byte*) {
    for (int64_t t = begin; t < end; ++t) {
      const auto row = static_cast<size_t>(t);
      const int64_t at = tables.row(batch.sequences[row], batch.positions[row]);
      kernel({.x = x.data + t * x.row_size(), .pool = to, .block = at / kKvBlock, .slot = at % kKvBlock});
    }
  });
}

// Rows of a tile: many for prefill, but the scores must stay near, and each thread must get its part.
int64_t Attention::rows_a_tile(int64_t rows, int64_t heads_kv, int64_t group, int64_t positions) const {
  const int64_t near = kScoreBytes / (std::max(int64_t{1}, tiles_of(positions)) * kKvBlock * 4);
  const int64_t by_queries = std::clamp(near, kFewestQueries, kMostQueries) / group;
  const int64_t by_threads = rows * heads_kv / (kTilesAThread * crew_.size());
  return std::max(int64_t{1}, std::min(by_queries, by_threads));
}

template <typename Body>
void Attention::each_tile(int64_t most_rows, int64_t n_head, const KvView& kv, const Batch& batch,
                          const Body& body) {
  const int64_t k_width = kv.layer.k.shape[2];
  const int64_t v_width = kv.layer.v.shape[2];
  const int64_t heads_kv = kv.layer.k.shape[1];
  const int64_t most_queries = most_rows * (n_head / heads_kv);
  // Of a thread's scratch, in floats: an open block, q, y, s.
  const int64_t q_at = std::max(k_width, v_width) * kKvBlock;
  const int64_t y_at = q_at + tiles_of(k_width) * step_of(most_queries);
  const int64_t s_at = y_at + tiles_of(most_queries * v_width) * kKvBlock;
  const int64_t end_at = s_at + tiles_of(batch.visible_positions()) * step_of(most_queries);
  if (!crew_.reserve(end_at * 4)) return;

  const auto run = [&](int64_t t, int64_t last, int64_t kv_head, float* scratch) {
    Tile tile;
    tile.t = t;
    tile.n_head = n_head;
    for (int64_t i = t; i < last; ++i) {
      tile.visible[static_cast<size_t>(i - t)] = int64_t{batch.positions[static_cast<size_t>(i)]} + 1;
    }
    tile.q = scratch + q_at;
    const auto sequence = static_cast<size_t>(batch.sequences[static_cast<size_t>(t)]);
    tile.job = {.blocks = kv.tables->sequences[sequence].data(),
                .rows = last - t,
                .visible = tile.visible.data(),
                .kv_head = kv_head,
                .queries = n_head / heads_kv,
                .k = pool_of(kv.layer.k, device_.kv_type()),
                .v = pool_of(kv.layer.v, device_.kv_type()),
                .q = tile.q,
                .s = scratch + s_at,
                .step = step_of((last - t) * (n_head / heads_kv)),
                .y = scratch + y_at,
                .open = scratch};
    body(tile);
  };
  // Neighbouring tiles share keys and values, which then stay in the cache of a core; the longest rows come
  // first, so that none is left over at the end. Rows of another sequence make a tile of their own.
  const int64_t rows = batch.size();
  const int64_t pieces = (rows + most_rows - 1) / most_rows;
  crew_.share(pieces * heads_kv, 1, [&](int64_t begin, int64_t end, std::byte* scratch) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t t = (pieces - 1 - i % pieces) * most_rows;
      for (const int64_t stop = std::min(rows, t + most_rows); t < stop;) {
        int64_t last = t + 1;
        const auto sequence = [&](int64_t row) { return batch.sequences[static_cast<size_t>(row)]; };
        while (last < stop && sequence(last) == sequence(t)) ++last;
        run(t, last, i / pieces, reinterpret_cast<float*>(scratch));
        t = last;
      }
    }
  });
}

void Attention::make_scores(const Tensor& q, float scale, Tile& tile) const {
  const int64_t width = q.shape[2];
  for (int64_t h = 0; h < tile.queries(); ++h) {
    to_tiles(q.data + tile.head(h) * width, width, tile.q + h * kKvBlock, tile.job.step);
  }
  tile.job.scale = scale;
  kernels_.attention_scores(tile.job);
}

void Attention::make_mix(const Tile& tile, Tensor& y) const {
  const int64_t width = y.shape[2];
  kernels_.attention_mix(tile.job);
  for (int64_t h = 0; h < tile.queries(); ++h) {
    std::copy_n(tile.job.y + h * width, width, y.data + tile.head(h) * width);
  }
}

void Attention::scores(const Tensor& q, const KvView& kv, const Batch& batch, float scale, Tensor& s) {
  const int64_t positions = s.shape[2];
  each_tile(1, q.shape[1], kv, batch, [&](Tile& tile) {
    make_scores(q, scale, tile);
    for (int64_t h = 0; h < tile.queries(); ++h) {
      float* to = s.data + tile.head(h) * positions;
      from_tiles(tile.job.s + h * kKvBlock, tile.job.step, tile.seen(h), to);
      std::fill(to + tile.seen(h), to + positions, kUnseen);
    }
  });
}

void Attention::softmax(const Tensor& s, Tensor& p) {
  const int64_t positions = s.shape[2];
  crew_.share(s.rows() * s.shape[1], 8, [&](int64_t begin, int64_t end, std::byte*) {
    for (int64_t i = begin; i < end; ++i) {
      float* row = p.data + i * positions;
      if (p.data != s.data) std::copy_n(s.data + i * positions, positions, row);
      kernels_.softmax({.s = row, .n = positions});
    }
  });
}

void Attention::mix(const Tensor& p, const KvView& kv, const Batch& batch, Tensor& y) {
  const int64_t positions = p.shape[2];
  each_tile(1, y.shape[1], kv, batch, [&](Tile& tile) {
    for (int64_t h = 0; h < tile.queries(); ++h) {
      const float* from = p.data + tile.head(h) * positions;
      to_tiles(from, tile.seen(h), tile.job.s + h * kKvBlock, tile.job.step);
    }
    make_mix(tile, y);
  });
}

void Attention::fused(const Tensor& q, const KvView& kv, const Batch& batch, float scale, Tensor& y) {
  const int64_t n_head = q.shape[1];
  const int64_t heads_kv = kv.layer.k.shape[1];
  const int64_t most = rows_a_tile(q.rows(), heads_kv, n_head / heads_kv, batch.visible_positions());
  each_tile(most, n_head, kv, batch, [&](Tile& tile) {
    make_scores(q, scale, tile);
    for (int64_t h = 0; h < tile.queries(); ++h) {
      float* s = tile.job.s + h * kKvBlock;
      const int64_t tiles = tiles_of(tile.seen(h));
      const int64_t in_last = tile.seen(h) - (tiles - 1) * kKvBlock;
      float* last = s + (tiles - 1) * tile.job.step;
      std::fill(last + in_last, last + kKvBlock, kUnseen);
      kernels_.softmax({.s = s, .n = tiles * kKvBlock, .tile_step = tile.job.step});
    }
    make_mix(tile, y);
  });
}

}  // namespace kilter::cpu
