#include "backend/cpu/cpu_ops.h"

#include <cstring>

#include "quant/codec.h"
#include "quant/half.h"

namespace kilter::cpu {
CpuOps::CpuOps(const CpuOptions& options)
    : kernels_(*options.kernels),
      device_(options.kv),
      crew_(options.threads, options.affinity, device_),
      weights_(crew_, device_),
      products_(kernels_, options.mode, crew_, weights_, device_),
      attention_(kernels_, crew_, device_) {}

void CpuOps::read_cached(CachePart part, const Tensor& pool, int64_t row, std::span<float> to) {
  const KvPool from = pool_of(pool, device_.kv_type());
  const bool keys = part == CachePart::keys;
  const int64_t block = row / kKvBlock;
  const int64_t slot = row % kKvBlock;
  for (int64_t i = 0; i < from.heads * from.width; ++i) {
    const int64_t e = i % from.width;
    const int64_t index = keys ? e * kKvBlock + slot : slot * from.width + e;
    const std::byte* number = from.head(block, i / from.width) + index * from.value_bytes();
    float& value = to[static_cast<size_t>(i)];
    if (from.type == KvType::f32) {
      std::memcpy(&value, number, sizeof(value));
    } else {
      uint16_t half = 0;
      std::memcpy(&half, number, sizeof(half));
      value = quant::f16_to_f32(half);
    }
  }
}

void CpuOps::embed(At, std::span<const int32_t> ids, const Weight& table, Tensor& y) {
  const auto rows = static_cast<int64_t>(ids.size());
  const auto width = static_cast<size_t>(table.cols);
  share_rows(rows, table.cols, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      // Whole rows of a proved weight: the sizes always fit.
      static_cast<void>(quant::decode(table.type, table.row(ids[static_cast<size_t>(t)]),
                                      {y.data + t * table.cols, width}));
    }
  });
}

void CpuOps::rmsnorm(At, const Tensor& x, const Weight& w, float eps, Tensor& y) {
  norm_vectors(x, w, eps, y);
  weights_.forget_unprepared();
}

void CpuOps::norm_vectors(const Tensor& x, const Weight& w, float eps, Tensor& y) {
  const float* gain = weights_.vector(w);
  const int64_t n = w.cols;
  share_rows(x.shape.elements() / n, n, [&](int64_t begin, int64_t end) {
    kernels_.rmsnorm({.x = x.data + begin * n,
                      .w = gain,
                      .eps = eps,
                      .n = n,
                      .vectors = end - begin,
                      .y = y.data + begin * n});
  });
}

void CpuOps::matmul(At, const Tensor& x, const Weight& w, Tensor& y) {
  const Product product{&w, y.data};
  const Operand operand = products_.operand(x.data, x.rows(), x.row_size(), {&product, 1});
  if (device_.failed()) return;
  share_rows(x.rows(), x.row_size(),
             [&](int64_t begin, int64_t end) { products_.quantise(operand, begin, end); });
  products_.multiply(operand, {&product, 1});
  weights_.forget_unprepared();
}

void CpuOps::add_bias(At, const Tensor& x, const Weight& b, Tensor& y) {
  bias_rows(x, b, y);
  weights_.forget_unprepared();
}

void CpuOps::bias_rows(const Tensor& x, const Weight& b, Tensor& y) {
  const float* bias = weights_.vector(b);
  share_rows(x.rows(), b.cols, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      kernels_.add(x.data + t * b.cols, bias, b.cols, y.data + t * b.cols);
  });
}

void CpuOps::rope(At, const Tensor& x, std::span<const int32_t> positions, const Rope& rope, Tensor& y) {
  rope_.prepare(positions, rope);
  const int64_t row = x.row_size();
  share_rows(x.rows(), row, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      kernels_.rope({.x = x.data + t * row,
                     .cos = rope_.cos(t),
                     .sin = rope_.sin(t),
                     .heads = x.shape[1],
                     .width = x.shape[2],
                     .n_rot = rope.n_rot,
                     .adjacent = rope.pairs == RopePairs::adjacent,
                     .y = y.data + t * row});
    }
  });
}

void CpuOps::kv_store(At at, const Tensor& x, const Batch& batch, const KvTables& tables, Tensor& pool) {
  const auto part = at.point == Point::attn_k_cache ? CachePart::keys : CachePart::values;
  attention_.store(part, x, batch, tables, pool);
}

void CpuOps::attention_scores(At, const Tensor& q, const KvView& kv, const Batch& batch, float scale,
                              Tensor& s) {
  attention_.scores(q, kv, batch, scale, s);
}

void CpuOps::softmax(At, const Tensor& s, Tensor& p) { attention_.softmax(s, p); }

void CpuOps::attention_mix(At, const Tensor& p, const KvView& kv, const Batch& batch, Tensor& y) {
  attention_.mix(p, kv, batch, y);
}

void CpuOps::silu(At, const Tensor& x, Tensor& y) {
  share_rows(x.shape.elements(), 1,
             [&](int64_t begin, int64_t end) { kernels_.silu(x.data + begin, end - begin, y.data + begin); });
}

void CpuOps::multiply(At, const Tensor& a, const Tensor& b, Tensor& y) {
  share_rows(a.shape.elements(), 1, [&](int64_t begin, int64_t end) {
    kernels_.multiply(a.data + begin, b.data + begin, end - begin, y.data + begin);
  });
}

void CpuOps::add(At, const Tensor& a, const Tensor& b, Tensor& y) {
  share_rows(a.shape.elements(), 1, [&](int64_t begin, int64_t end) {
    kernels_.add(a.data + begin, b.data + begin, end - begin, y.data + begin);
  });
}

void CpuOps::take_rows(At, const Tensor& x, std::span<const int32_t> rows, Tensor& y) {
  const int64_t n = x.row_size();
  for (size_t r = 0; r < rows.size(); ++r) {
    std::copy_n(x.data + rows[r] * n, n, y.data + static_cast<int64_t>(r) * n);
  }
}

}  // namespace kilter::cpu
