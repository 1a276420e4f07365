#include "backend/reference/reference_ops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "backend/reference/decode_block.h"

namespace kilter::reference {
namespace {

float rounded(double value) { return static_cast<float>(value); }

std::vector<double> decode_vector(const Weight& w) {
  std::vector<double> values(static_cast<size_t>(w.cols));
  decode_row(w, 0, values);
  return values;
}

// f(i) for each element of y.
template <typename Function>
void each_element(Tensor& y, Function f) {
  const int64_t n = y.shape.elements();
  for (int64_t i = 0; i < n; ++i) y.data[i] = rounded(f(i));
}

}  // namespace

void ReferenceOps::embed(At, std::span<const int32_t> ids, const Weight& table, Tensor& y) {
  std::vector<double> row(static_cast<size_t>(table.cols));
  for (size_t t = 0; t < ids.size(); ++t) {
    decode_row(table, ids[t], row);
    std::transform(row.begin(), row.end(), y.data + static_cast<int64_t>(t) * table.cols, rounded);
  }
}

void ReferenceOps::rmsnorm(At, const Tensor& x, const Weight& w, float eps, Tensor& y) {
  const std::vector<double> gain = decode_vector(w);
  const int64_t n = w.cols;
  for (int64_t begin = 0; begin < x.shape.elements(); begin += n) {
    const float* in = x.data + begin;
    float* out = y.data + begin;
    double squares = 0;
    for (int64_t i = 0; i < n; ++i) squares += double{in[i]} * double{in[i]};
    const double root = std::sqrt(squares / static_cast<double>(n) + double{eps});
    for (int64_t i = 0; i < n; ++i) out[i] = rounded(double{in[i]} / root * gain[static_cast<size_t>(i)]);
  }
}

void ReferenceOps::matmul(At, const Tensor& x, const Weight& w, Tensor& y) {
  // Eight outputs are summed side by side: each sum is still one chain in the order of i, but a processor
  // need not wait for one addition before it starts the next.
  constexpr int64_t kAbreast = 8;
  const int64_t n_in = w.cols;
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
        const float* in = x.data + t * n_in;
        std::array<double, kAbreast> sum{};
        for (size_t i = 0; i < weights.size(); ++i) {
          for (size_t o = 0; o < kAbreast; ++o) sum[o] += weights[i][o] * double{in[i]};
        }
        std::transform(sum.begin(), sum.begin() + static_cast<std::ptrdiff_t>(n_out),
                       y.data + t * w.rows + first, rounded);
      }
    }
  });
}

void ReferenceOps::add_bias(At, const Tensor& x, const Weight& b, Tensor& y) {
  const std::vector<double> bias = decode_vector(b);
  each_element(y, [&](int64_t i) { return double{x.data[i]} + bias[static_cast<size_t>(i % b.cols)]; });
}

void ReferenceOps::rope(At, const Tensor& x, std::span<const int32_t> positions, const Rope& rope,
                        Tensor& y) {
  const int64_t width = x.shape[2];
  const int64_t half = rope.n_rot / 2;
  for (int64_t t = 0; t < x.rows(); ++t) {
    for (int64_t h = 0; h < x.shape[1]; ++h) {
      const float* in = x.data + (t * x.shape[1] + h) * width;
      float* out = y.data + (t * x.shape[1] + h) * width;
      for (int64_t p = 0; p < half; ++p) {
        const int64_t i = rope.pairs == RopePairs::adjacent ? 2 * p : p;
        const int64_t j = rope.pairs == RopePairs::adjacent ? i + 1 : p + half;
        const double angle = positions[static_cast<size_t>(t)] * rope.frequency[static_cast<size_t>(p)];
        const double a = in[i];
        const double b = in[j];
        out[i] = rounded(rope.magnitude * (a * std::cos(angle) - b * std::sin(angle)));
        out[j] = rounded(rope.magnitude * (a * std::sin(angle) + b * std::cos(angle)));
      }
      if (out != in) std::copy(in + rope.n_rot, in + width, out + rope.n_rot);
    }
  }
}

void ReferenceOps::kv_store(At, const Tensor& x, const Batch& batch, const KvTables& tables, Tensor& pool) {
  const int64_t width = x.row_size();
  for (int64_t t = 0; t < x.rows(); ++t) {
    const size_t row = static_cast<size_t>(t);
    const int64_t to = tables.row(batch.sequences[row], batch.positions[row]);
    std::copy_n(x.data + t * width, width, pool.data + to * width);
  }
}

void ReferenceOps::attention_scores(At, const Tensor& q, const KvView& kv, const Batch& batch, float scale,
                                    Tensor& s) {
  const int64_t n_head = q.shape[1];
  const int64_t width = q.shape[2];
  const int64_t n_head_kv = kv.layer.k.shape[1];
  const int64_t positions = s.shape[2];
  pool_.parallel_for(q.rows() * n_head, 8, [&](int64_t begin, int64_t end) {
    for (int64_t th = begin; th < end; ++th) {
      const size_t t = static_cast<size_t>(th / n_head);
      const int64_t h_kv = th % n_head / (n_head / n_head_kv);
      for (int64_t l = 0; l < positions; ++l) {
        float& score = s.data[th * positions + l];
        score = -std::numeric_limits<float>::infinity();
        if (l > batch.positions[t]) continue;
        const int64_t row = kv.tables->row(batch.sequences[t], static_cast<int32_t>(l));
        const float* key = kv.layer.k.data + (row * n_head_kv + h_kv) * width;
        double sum = 0;
        for (int64_t i = 0; i < width; ++i) sum += double{q.data[th * width + i]} * double{key[i]};
        score = rounded(double{scale} * sum);
      }
    }
  });
}

void ReferenceOps::softmax(At, const Tensor& s, Tensor& p) {
  const int64_t positions = s.shape[2];
  pool_.parallel_for(s.rows() * s.shape[1], 8, [&](int64_t begin, int64_t end) {
    for (int64_t th = begin; th < end; ++th) {
      const float* in = s.data + th * positions;
      float* out = p.data + th * positions;
      const double largest = *std::max_element(in, in + positions);
      double sum = 0;
      for (int64_t l = 0; l < positions; ++l) sum += std::exp(in[l] - largest);
      for (int64_t l = 0; l < positions; ++l) out[l] = rounded(std::exp(in[l] - largest) / sum);
    }
  });
}

void ReferenceOps::attention_mix(At, const Tensor& p, const KvView& kv, const Batch& batch, Tensor& y) {
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
        const float* value = kv.layer.v.data + (row * n_head_kv + h_kv) * width;
        const double weight = p.data[th * positions + l];
        for (int64_t i = 0; i < width; ++i) sum[static_cast<size_t>(i)] += weight * double{value[i]};
      }
      std::transform(sum.begin(), sum.end(), y.data + th * width, rounded);
    }
  });
}

void ReferenceOps::silu(At, const Tensor& x, Tensor& y) {
  each_element(y, [&](int64_t i) { return double{x.data[i]} / (1.0 + std::exp(-double{x.data[i]})); });
}

void ReferenceOps::multiply(At, const Tensor& a, const Tensor& b, Tensor& y) {
  each_element(y, [&](int64_t i) { return double{a.data[i]} * double{b.data[i]}; });
}

void ReferenceOps::add(At, const Tensor& a, const Tensor& b, Tensor& y) {
  each_element(y, [&](int64_t i) { return double{a.data[i]} + double{b.data[i]}; });
}

void ReferenceOps::take_rows(At, const Tensor& x, std::span<const int32_t> rows, Tensor& y) {
  const int64_t n = x.row_size();
  for (size_t r = 0; r < rows.size(); ++r) {
    std::copy_n(x.data + rows[r] * n, n, y.data + static_cast<int64_t>(r) * n);
  }
}

}  // namespace kilter::reference
