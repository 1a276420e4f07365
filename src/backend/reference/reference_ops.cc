#include "backend/reference/reference_ops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "backend/reference/decode_block.h"

namespace kilter::reference {
namespace {

std::vector<double> decode_vector(const Weight& w) {
  std::vector<double> values(static_cast<size_t>(w.cols));
  decode_row(w, 0, values);
  return values;
}

// f(i) for each element of y.
template <typename Function>
void each_element(const WideTensor& y, Function f) {
  for (int64_t i = 0; i < y.elements(); ++i) y.set(i, f(i));
}

// y[at ...] = values
void store(std::span<const double> values, const WideTensor& y, int64_t at) {
  for (const double value : values) y.set(at++, value);
}

// y[to ...] = x[from ...], n elements
void copy_row(const WideTensor& x, int64_t from, int64_t n, const WideTensor& y, int64_t to) {
  for (int64_t i = 0; i < n; ++i) y.set(to + i, x.get(from + i));
}

}  // namespace

void ReferenceOps::embed(At, std::span<const int32_t> ids, const Weight& table, Tensor& y) {
  const WideTensor out = wide(y);
  std::vector<double> row(static_cast<size_t>(table.cols));
  for (size_t t = 0; t < ids.size(); ++t) {
    decode_row(table, ids[t], row);
    store(row, out, static_cast<int64_t>(t) * table.cols);
  }
}

void ReferenceOps::rmsnorm(At, const Tensor& x, const Weight& w, float eps, Tensor& y) {
  const WideTensor in = wide(x);
  const WideTensor out = wide(y);
  const std::vector<double> gain = decode_vector(w);
  const int64_t n = w.cols;
  for (int64_t begin = 0; begin < in.elements(); begin += n) {
    double squares = 0;
    for (int64_t i = begin; i < begin + n; ++i) squares += in.get(i) * in.get(i);
    const double root = std::sqrt(squares / static_cast<double>(n) + double{eps});
    for (int64_t i = begin; i < begin + n; ++i) {
      out.set(i, in.get(i) / root * gain[static_cast<size_t>(i - begin)]);
    }
  }
}

void ReferenceOps::matmul(At, const Tensor& x, const Weight& w, Tensor& y) {
  // Eight outputs are summed side by side: each sum is still one chain in the order of i, but a processor
  // need not wait for one addition before it starts the next.
  constexpr int64_t kAbreast = 8;
  const int64_t n_in = w.cols;
  const WideTensor in = wide(x);
  const WideTensor out = wide(y);
  pool_.parallel_for((w.rows + kAbreast - 1) / kAbreast, 2, [&](int64_t begin, int64_t end) {
    std::vector<double> row(static_cast<size_t>(n_in));
    std::vector<std::array<double, kAbreast>> weights(static_cast<size_t>(n_in));
    for (int64_t first = begin * kAbreast; first < std::min(end * kAbreast, w.rows); first += kAbreast) {
      const auto n_out = static_cast<size_t>(std::min(kAbreast, w.rows - first));
      for (size_t o = 0; o < n_out; ++o) {
        decode_row(w, first + static_cast<int64_t>(o), row);
        for (size_t i = 0; i < row.size(); ++i) weights[i][o] = row[i];
      }
      for (int64_t t = 0; t < x.rows(); ++t) {
        std::array<double, kAbreast> sum{};
        for (int64_t i = 0; i < n_in; ++i) {
          const double value = in.get(t * n_in + i);
          const std::array<double, kAbreast>& column = weights[static_cast<size_t>(i)];
          for (size_t o = 0; o < kAbreast; ++o) sum[o] += column[o] * value;
        }
        const int64_t at = t * w.rows + first;
        for (size_t o = 0; o < n_out; ++o) out.set(at + static_cast<int64_t>(o), sum[o]);
      }
    }
  });
}

void ReferenceOps::add_bias(At, const Tensor& x, const Weight& b, Tensor& y) {
  const WideTensor in = wide(x);
  const std::vector<double> bias = decode_vector(b);
  each_element(wide(y), [&](int64_t i) { return in.get(i) + bias[static_cast<size_t>(i % b.cols)]; });
}

void ReferenceOps::rope(At, const Tensor& x, std::span<const int32_t> positions, const Rope& rope,
                        Tensor& y) {
  const WideTensor in = wide(x);
  const WideTensor out = wide(y);
  const int64_t width = x.shape[2];
  const int64_t half = rope.n_rot / 2;
  for (int64_t t = 0; t < x.rows(); ++t) {
    for (int64_t h = 0; h < x.shape[1]; ++h) {
      const int64_t head = (t * x.shape[1] + h) * width;
      for (int64_t p = 0; p < half; ++p) {
        const int64_t i = head + (rope.pairs == RopePairs::adjacent ? 2 * p : p);
        const int64_t j = rope.pairs == RopePairs::adjacent ? i + 1 : i + half;
        const double angle = positions[static_cast<size_t>(t)] * rope.frequency[static_cast<size_t>(p)];
        const double a = in.get(i);
        const double b = in.get(j);
        out.set(i, rope.magnitude * (a * std::cos(angle) - b * std::sin(angle)));
        out.set(j, rope.magnitude * (a * std::sin(angle) + b * std::cos(angle)));
      }
      copy_row(in, head + rope.n_rot, width - rope.n_rot, out, head + rope.n_rot);
    }
  }
}

void ReferenceOps::kv_store(At, const Tensor& x, const Batch& batch, const KvTables& tables, Tensor& pool) {
  const WideTensor in = wide(x);
  const WideTensor out = wide(pool);
  const int64_t width = x.row_size();
  for (int64_t t = 0; t < x.rows(); ++t) {
    const size_t row = static_cast<size_t>(t);
    const int64_t to = tables.row(batch.sequences[row], batch.positions[row]);
    copy_row(in, t * width, width, out, to * width);
  }
}

void ReferenceOps::attention_scores(At, const Tensor& q, const KvView& kv, const Batch& batch, float scale,
                                    Tensor& s) {
  const WideTensor query = wide(q);
  const WideTensor keys = wide(kv.layer.k);
  const WideTensor out = wide(s);
  const int64_t n_head = q.shape[1];
  const int64_t width = q.shape[2];
  const int64_t n_head_kv = kv.layer.k.shape[1];
  const int64_t positions = s.shape[2];
  pool_.parallel_for(q.rows() * n_head, 8, [&](int64_t begin, int64_t end) {
    for (int64_t th = begin; th < end; ++th) {
      const size_t t = static_cast<size_t>(th / n_head);
      const int64_t h_kv = th % n_head / (n_head / n_head_kv);
      for (int64_t l = 0; l < positions; ++l) {
        if (l > batch.positions[t]) {
          out.set(th * positions + l, -std::numeric_limits<double>::infinity());
          continue;
        }
        const int64_t row = kv.tables->row(batch.sequences[t], static_cast<int32_t>(l));
        const int64_t key = (row * n_head_kv + h_kv) * width;
        double sum = 0;
        for (int64_t i = 0; i < width; ++i) sum += query.get(th * width + i) * keys.get(key + i);
        out.set(th * positions + l, double{scale} * sum);
      }
    }
  });
}

void ReferenceOps::softmax(At, const Tensor& s, Tensor& p) {
  const WideTensor in = wide(s);
  const WideTensor out = wide(p);
  const int64_t positions = s.shape[2];
  pool_.parallel_for(s.rows() * s.shape[1], 8, [&](int64_t begin, int64_t end) {
    for (int64_t th = begin; th < end; ++th) {
      const int64_t first = th * positions;
      double largest = in.get(first);
      for (int64_t i = first; i < first + positions; ++i) largest = std::max(largest, in.get(i));
      double sum = 0;
      for (int64_t i = first; i < first + positions; ++i) sum += std::exp(in.get(i) - largest);
      for (int64_t i = first; i < first + positions; ++i) out.set(i, std::exp(in.get(i) - largest) / sum);
    }
  });
}

void ReferenceOps::attention_mix(At, const Tensor& p, const KvView& kv, const Batch& batch, Tensor& y) {
  const WideTensor weights = wide(p);
  const WideTensor values = wide(kv.layer.v);
  const WideTensor out = wide(y);
  const int64_t n_head = y.shape[1];
  const int64_t width = y.shape[2];
  const int64_t n_head_kv = kv.layer.v.shape[1];
  const int64_t positions = p.shape[2];
  pool_.parallel_for(y.rows() * n_head, 8, [&](int64_t begin, int64_t end) {
    std::vector<double> sum(static_cast<size_t>(width));
    for (int64_t th = begin; th < end; ++th) {
      const size_t t = static_cast<size_t>(th / n_head);
      const int64_t h_kv = th % n_head / (n_head / n_head_kv);
      std::fill(sum.begin(), sum.end(), 0.0);
      for (int64_t l = 0; l <= batch.positions[t]; ++l) {
        const int64_t row = kv.tables->row(batch.sequences[t], static_cast<int32_t>(l));
        const int64_t value = (row * n_head_kv + h_kv) * width;
        const double weight = weights.get(th * positions + l);
        for (int64_t i = 0; i < width; ++i) sum[static_cast<size_t>(i)] += weight * values.get(value + i);
      }
      store(sum, out, th * width);
    }
  });
}

void ReferenceOps::silu(At, const Tensor& x, Tensor& y) {
  const WideTensor in = wide(x);
  each_element(wide(y), [&](int64_t i) { return in.get(i) / (1.0 + std::exp(-in.get(i))); });
}

void ReferenceOps::multiply(At, const Tensor& a, const Tensor& b, Tensor& y) {
  const WideTensor left = wide(a);
  const WideTensor right = wide(b);
  each_element(wide(y), [&](int64_t i) { return left.get(i) * right.get(i); });
}

void ReferenceOps::add(At, const Tensor& a, const Tensor& b, Tensor& y) {
  const WideTensor left = wide(a);
  const WideTensor right = wide(b);
  each_element(wide(y), [&](int64_t i) { return left.get(i) + right.get(i); });
}

void ReferenceOps::take_rows(At, const Tensor& x, std::span<const int32_t> rows, Tensor& y) {
  const WideTensor in = wide(x);
  const WideTensor out = wide(y);
  const int64_t n = x.row_size();
  for (size_t r = 0; r < rows.size(); ++r) copy_row(in, rows[r] * n, n, out, static_cast<int64_t>(r) * n);
}

}  // namespace kilter::reference
