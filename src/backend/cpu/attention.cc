#include "backend/cpu/attention.h"

#include <limits>

namespace kilter::cpu {
namespace {

constexpr float kUnseen = -std::numeric_limits<float>::infinity();
// Rows that are stored by one hand-out: those of a block write to the same lines.
constexpr int64_t kRowsAPiece = kKvBlock;

int64_t whole_tiles(int64_t positions) { return (positions + kKvBlock - 1) / kKvBlock * kKvBlock; }

}  // namespace

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

AttentionJob Attention::job_of(Item item, const KvView& kv, const Batch& batch) const {
  const auto row = static_cast<size_t>(item.t);
  AttentionJob job;
  job.blocks = kv.tables->sequences[static_cast<size_t>(batch.sequences[row])].data();
  job.visible = int64_t{batch.positions[row]} + 1;
  job.kv_head = item.kv_head;
  job.queries = item.group;
  job.k = pool_of(kv.layer.k, device_.kv_type());
  job.v = pool_of(kv.layer.v, device_.kv_type());
  return job;
}

void Attention::scores(const Tensor& q, const KvView& kv, const Batch& batch, float scale, Tensor& s) {
  const int64_t n_head = q.shape[1];
  const int64_t heads_kv = kv.layer.k.shape[1];
  const int64_t group = n_head / heads_kv;
  const int64_t positions = s.shape[2];
  const int64_t stride = whole_tiles(positions);
  if (!crew_.reserve(group * stride * 4)) return;
  crew_.share(q.rows() * heads_kv, 1, [&](int64_t begin, int64_t end, std::byte* scratch) {
    for (int64_t i = begin; i < end; ++i) {
      const Item item{.t = i / heads_kv, .kv_head = i % heads_kv, .group = group};
      AttentionJob job = job_of(item, kv, batch);
      const int64_t head = item.first_head(n_head);
      job.scale = scale;
      job.q = q.data + head * q.shape[2];
      job.s = reinterpret_cast<float*>(scratch);
      job.s_stride = stride;
      kernels_.attention_scores(job);
      for (int64_t h = 0; h < group; ++h) {
        float* to = s.data + (head + h) * positions;
        std::copy_n(job.s + h * stride, job.visible, to);
        std::fill(to + job.visible, to + positions, kUnseen);
      }
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
  const int64_t n_head = y.shape[1];
  const int64_t heads_kv = kv.layer.v.shape[1];
  const int64_t group = n_head / heads_kv;
  crew_.share(y.rows() * heads_kv, 1, [&](int64_t begin, int64_t end, std::byte*) {
    for (int64_t i = begin; i < end; ++i) {
      const Item item{.t = i / heads_kv, .kv_head = i % heads_kv, .group = group};
      AttentionJob job = job_of(item, kv, batch);
      const int64_t head = item.first_head(n_head);
      job.s = p.data + head * p.shape[2];
      job.s_stride = p.shape[2];
      job.y = y.data + head * y.shape[2];
      kernels_.attention_mix(job);
    }
  });
}

void Attention::fused(const Tensor& q, const KvView& kv, const Batch& batch, float scale, Tensor& y) {
  const int64_t n_head = q.shape[1];
  const int64_t heads_kv = kv.layer.k.shape[1];
  const int64_t group = n_head / heads_kv;
  const int64_t stride = whole_tiles(batch.visible_positions());
  if (!crew_.reserve(group * stride * 4)) return;
  // Neighbouring rows of one kv head share its keys and values, which then stay in the cache of a core; the
  // longest rows come first, so that none is left over at the end.
  const int64_t rows = q.rows();
  const int64_t grain = rows < 16 ? 1 : 8;
  crew_.share(rows * heads_kv, grain, [&](int64_t begin, int64_t end, std::byte* scratch) {
    for (int64_t i = begin; i < end; ++i) {
      const Item item{.t = rows - 1 - i % rows, .kv_head = i / rows, .group = group};
      AttentionJob job = job_of(item, kv, batch);
      const int64_t head = item.first_head(n_head);
      job.scale = scale;
      job.q = q.data + head * q.shape[2];
      job.s = reinterpret_cast<float*>(scratch);
      job.s_stride = stride;
      job.y = y.data + head * y.shape[2];
      kernels_.attention_scores(job);
      for (int64_t h = 0; h < group; ++h) {
        float* row = job.s + h * stride;
        const int64_t seen = whole_tiles(job.visible);
        std::fill(row + job.visible, row + seen, kUnseen);
        kernels_.softmax({.s = row, .n = seen});
      }
      kernels_.attention_mix(job);
    }
  });
}

}  // namespace kilter::cpu
