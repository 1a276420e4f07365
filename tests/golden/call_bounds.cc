#include "call_bounds.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "quant/codec.h"
#include "quant/format.h"

namespace kilter::golden {
namespace {

// |scaled code| + |offset| of each element of a weight; of a plain type its magnitude.
std::vector<float> part_sizes(const Weight& w) {
  const DTypeInfo& info = dtype_info(w.type);
  std::vector<float> sizes(static_cast<size_t>(w.rows * w.cols));
  if (info.block_values == 1) {
    static_cast<void>(quant::decode(w.type, w.bytes, sizes));  // whole rows: the sizes always fit
    for (float& v : sizes) v = std::abs(v);
    return sizes;
  }
  const quant::Format& format = quant::format_of(w.type);
  quant::Parts parts;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const size_t within = i % info.block_values;
    if (within == 0) format.unpack(w.bytes.data() + i / info.block_values * info.block_bytes, parts);
    const size_t group = within / (info.block_values / format.groups);
    const float offset = format.has_offset ? parts.offset[group] : 0;
    sizes[i] = std::abs(parts.scale[group] * format.code_unit * static_cast<float>(parts.code[within])) +
               std::abs(offset);
  }
  return sizes;
}

// The largest magnitude of the block of 256 in which each activation stands.
std::vector<float> largest_of_block(const Tensor& x) {
  const int64_t n = x.row_size();
  std::vector<float> largest(static_cast<size_t>(x.shape.elements()));
  for (int64_t row = 0; row < x.rows(); ++row) {
    for (int64_t begin = 0; begin < n; begin += 256) {
      const int64_t end = std::min(n, begin + 256);
      float most = 0;
      for (int64_t k = begin; k < end; ++k) most = std::max(most, std::abs(x.data[row * n + k]));
      std::fill(largest.begin() + row * n + begin, largest.begin() + row * n + end, most);
    }
  }
  return largest;
}

}  // namespace

Tensor CallBounds::keep(Shape shape, std::vector<float> values) {
  return {memory_.emplace_back(std::move(values)).data(), shape};
}

Tensor CallBounds::zeros(Shape shape) {
  return keep(shape, std::vector<float>(static_cast<size_t>(shape.elements())));
}

Tensor CallBounds::magnitude_of(const Tensor& x) {
  const Tensor y = zeros(x.shape);
  std::transform(x.data, x.data + x.shape.elements(), y.data, [](float v) { return std::abs(v); });
  return y;
}

KvView CallBounds::plain_view(const OpCall& c, bool magnitudes) {
  const auto plain = [&](CachePart part, const Tensor& pool) {
    const Tensor rows = zeros(pool.shape);
    for (int64_t row = 0; row < pool.rows(); ++row) {
      float* to = rows.data + row * pool.row_size();
      computing_.read_cached(part, pool, row, std::span(to, static_cast<size_t>(pool.row_size())));
    }
    return magnitudes ? magnitude_of(rows) : rows;
  };
  return {{plain(CachePart::keys, c.kv->layer.k), plain(CachePart::values, c.kv->layer.v)}, c.kv->tables};
}

// The call with a result of its own, on the reference.
Tensor CallBounds::run(OpCall c) {
  Tensor y = zeros(c.y->shape);
  c.y = &y;
  c.run(reference_, c);
  return y;
}

CallBounds::Terms CallBounds::product_terms(const OpCall& c) {
  const Arithmetic arithmetic = product_arithmetic(arithmetic_, c.weight->type);
  const std::vector<float> sizes = part_sizes(*c.weight);
  Weight magnitudes = *c.weight;
  magnitudes.type = DType::f32;
  magnitudes.bytes = std::as_bytes(std::span(sizes));
  Tensor x = magnitude_of(*c.x);
  OpCall product = c;
  product.weight = &magnitudes;
  product.x = &x;
  if (arithmetic == Arithmetic::f32) return {run(product), {}};
  Tensor largest = keep(x.shape, largest_of_block(x));
  for (int64_t i = 0; i < x.shape.elements(); ++i) x.data[i] += largest.data[i] / 64;
  const Tensor s = run(product);
  for (float& v : std::span(largest.data, static_cast<size_t>(x.shape.elements()))) {
    v = std::max(v, 0x1p-76F);
  }
  product.x = &largest;
  return {s, run(product)};  // |w| is at most its parts
}

// |a| + |b| of the pair, times the magnitude, for each of its two elements.
CallBounds::Terms CallBounds::rope_terms(const OpCall& c) {
  const Tensor s = magnitude_of(*c.x);
  const Rope& rope = *c.rope;
  const int64_t width = s.shape[2];
  for (int64_t head = 0; head < s.shape.elements(); head += width) {
    for (int64_t pair = 0; pair < rope.n_rot / 2; ++pair) {
      const bool adjacent = rope.pairs == RopePairs::adjacent;
      float& first = s.data[head + (adjacent ? 2 * pair : pair)];
      float& second = s.data[head + (adjacent ? 2 * pair + 1 : pair + rope.n_rot / 2)];
      first = second = (first + second) * static_cast<float>(rope.magnitude);
    }
  }
  return {s, {}};
}

// p |d| is at most p ln(1 / p), because the sum of the exponentials is at least 1.
CallBounds::Terms CallBounds::softmax_terms(const Tensor& expected) {
  const Tensor b = zeros(expected.shape);
  std::transform(expected.data, expected.data + expected.shape.elements(), b.data,
                 [](float p) { return p > 0 ? -p * std::log(p) : 0; });
  return {expected, b};
}

CallBounds::Terms CallBounds::terms(const OpCall& c, const Tensor& expected) {
  if (c.op == "matmul") return product_terms(c);
  if (c.op == "rope") return rope_terms(c);
  if (c.op == "softmax") return softmax_terms(expected);
  if (c.op == "attention_scores" || c.op == "attention_mix") {
    const Tensor x = magnitude_of(*c.x);
    const KvView view = plain_view(c, true);
    OpCall on_magnitudes = c;
    on_magnitudes.x = &x;
    on_magnitudes.kv = &view;
    return {run(on_magnitudes), {}};
  }
  if (c.op == "add_bias") {
    // |x| + |b| with b = exact - x.
    const Tensor s = magnitude_of(expected);
    for (int64_t i = 0; i < s.shape.elements(); ++i) s.data[i] += 2 * std::abs(c.x->data[i]);
    return {s, {}};
  }
  return {magnitude_of(expected), {}};
}

int64_t CallBounds::sum_length(const OpCall& c, const OpContract& contract) const {
  switch (contract.sum) {
    case SumLength::none:
      break;
    case SumLength::row:
    case SumLength::n_in:
      return c.weight->cols;
    case SumLength::head:
      return c.x->shape[2];
    case SumLength::positions:
      return c.x->shape[2];
  }
  return 0;
}

Judgement CallBounds::judge(const OpCall& c) {
  memory_.clear();
  OpCall plain = c;
  KvView view;
  if (c.kv != nullptr) {
    view = plain_view(c, false);
    plain.kv = &view;
  }
  const Tensor expected = run(plain);
  const Arithmetic arithmetic =
      c.op == "matmul" ? product_arithmetic(arithmetic_, c.weight->type) : arithmetic_;
  const OpContract& contract = *find_contract(c.op, arithmetic);
  const Terms t = terms(c, expected);
  Judgement judgement;
  const int64_t n = sum_length(c, contract);
  for (int64_t i = 0; i < expected.shape.elements(); ++i) {
    const double exact = std::abs(double{expected.data[i]});
    const Magnitudes of{
        .exact = exact, .terms = t.s.data[i], .operands = t.b.data == nullptr ? 0 : t.b.data[i], .n = n};
    judgement.expected.push_back(expected.data[i]);
    // Two parts in 2^20 for magnitudes that were rounded to f32 themselves.
    judgement.bound.push_back(contract_bound(contract, of) * (1 + 0x1p-19) + 0x1p-24 * exact + 0x1p-150);
  }
  return judgement;
}

}  // namespace kilter::golden
