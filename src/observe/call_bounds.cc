#include "observe/call_bounds.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/activation_rounding.h"
#include "quant/codec.h"
#include "quant/format.h"

namespace kilter {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::span<float> elements(const Tensor& x) { return {x.data, static_cast<size_t>(x.shape.elements())}; }

// The magnitude of each element of a weight.
std::vector<float> magnitudes_of(const Weight& w) {
  std::vector<float> sizes(static_cast<size_t>(w.rows * w.cols));
  static_cast<void>(quant::decode(w.type, w.bytes, sizes));  // whole rows: the sizes always fit
  for (float& v : sizes) v = std::abs(v);
  return sizes;
}

// |scaled code| + |offset| of each element of a weight of a block type: integers meet the two apart.
std::vector<float> part_sizes(const Weight& w) {
  const DTypeInfo& info = dtype_info(w.type);
  std::vector<float> sizes(static_cast<size_t>(w.rows * w.cols));
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

// Some rows of a weight.
Weight rows_of(const Weight& w, int64_t first, int64_t count) {
  Weight rows = w;
  rows.rows = count;
  rows.bytes =
      w.bytes.subspan(static_cast<size_t>(first * w.row_bytes()), static_cast<size_t>(count * w.row_bytes()));
  return rows;
}

int64_t sum_length(const OpCall& c, const OpContract& contract) {
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

// The contract holds for operands below 2^16. Masked scores are no operands of a sum.
bool within_domain(const Tensor& x) {
  if (x.data == nullptr) return true;
  const auto values = elements(x);
  return std::all_of(values.begin(), values.end(),
                     [](float v) { return std::abs(v) < 0x1p16F || v == -kInfinity; });
}

}  // namespace

Tensor CallBounds::keep(Shape shape, std::vector<float> values) {
  return {memory_.emplace_back(std::move(values)).data(), shape};
}

Tensor CallBounds::zeros(Shape shape) {
  return keep(shape, std::vector<float>(static_cast<size_t>(shape.elements())));
}

Tensor CallBounds::on_host(const Tensor& x) {
  const Tensor y = zeros(x.shape);
  computing_.device().read_back(x, elements(y));
  return y;
}

Tensor CallBounds::magnitude_of(const Tensor& x) {
  const Tensor y = zeros(x.shape);
  std::transform(x.data, x.data + x.shape.elements(), y.data, [](float v) { return std::abs(v); });
  return y;
}

Tensor CallBounds::plain_pool(const OpCall& c, CachePart part, const Tensor& pool) {
  const Tensor rows = zeros(pool.shape);
  const auto width = static_cast<size_t>(pool.row_size());
  for (size_t t = 0; t < c.batch->positions.size(); ++t) {
    const int32_t sequence = c.batch->sequences[t];
    // The next row of the same sequence sees these positions too: each is read once.
    const bool is_last = t + 1 == c.batch->positions.size() || c.batch->sequences[t + 1] != sequence;
    for (int32_t position = 0; is_last && position <= c.batch->positions[t]; ++position) {
      const int64_t row = c.tables->row(sequence, position);
      computing_.read_cached(part, pool, row, {rows.data + row * pool.row_size(), width});
    }
  }
  return rows;
}

void CallBounds::take_operands(const OpCall& c, HostCall& to) {
  to.call = c;
  if (c.x != nullptr) {
    to.x = on_host(*c.x);
    to.call.x = &to.x;
  }
  if (c.b != nullptr) {
    to.b = on_host(*c.b);
    to.call.b = &to.b;
  }
  if (c.kv != nullptr) {
    // Only the pool that the op reads; the other is not looked at.
    const bool keys = c.cache == &c.kv->layer.k;
    const CachePart part = keys ? CachePart::keys : CachePart::values;
    (keys ? to.kv.layer.k : to.kv.layer.v) = plain_pool(c, part, *c.cache);
    to.kv.tables = c.kv->tables;
    to.call.kv = &to.kv;
  }
  if (rounds_activations(c)) {
    for (int64_t row = 0; row < to.x.rows(); ++row) {
      const std::span<float> values{to.x.data + row * to.x.row_size(), static_cast<size_t>(to.x.row_size())};
      round_activations(arithmetic_of(c), values, values);
    }
  }
}

// The call with a result of its own, in host memory.
Tensor CallBounds::run(Ops& ops, OpCall c) {
  Tensor y = zeros(c.y->shape);
  c.y = &y;
  c.run(ops, c);
  return y;
}

Arithmetic CallBounds::arithmetic_of(const OpCall& c) const {
  return c.op == "matmul" ? product_arithmetic(how_.arithmetic, c.weight->type) : how_.arithmetic;
}

bool CallBounds::rounds_activations(const OpCall& c) const {
  const Arithmetic arithmetic = arithmetic_of(c);
  return c.op == "matmul" && how_.operands == Operands::as_used && arithmetic != Arithmetic::f32 &&
         arithmetic != Arithmetic::reference;
}

CallBounds::Terms CallBounds::product_terms(const OpCall& c) {
  // Magnitudes of so many weights at a time: those of an output matrix would take gigabytes.
  constexpr int64_t kWeights = 1 << 24;
  const Weight& w = *c.weight;
  const Arithmetic arithmetic = arithmetic_of(c);
  const bool integers = arithmetic != Arithmetic::f32 && arithmetic != Arithmetic::reference;
  const bool with_b = integers && how_.operands == Operands::given;
  Tensor x = magnitude_of(*c.x);
  Tensor largest = keep(x.shape, integers ? largest_of_block(x) : std::vector<float>());
  if (integers) {
    for (int64_t i = 0; i < x.shape.elements(); ++i) {
      x.data[i] += largest.data[i] / 64;
      largest.data[i] = std::max(largest.data[i], 0x1p-76F);
    }
  }
  Terms terms{zeros(c.y->shape), with_b ? zeros(c.y->shape) : Tensor{}};
  const int64_t step = std::max<int64_t>(1, kWeights / w.cols);
  std::vector<float> part;
  for (int64_t first = 0; first < w.rows; first += step) {
    const int64_t count = std::min(step, w.rows - first);
    const Weight some_rows = rows_of(w, first, count);
    const std::vector<float> sizes = integers ? part_sizes(some_rows) : magnitudes_of(some_rows);
    const Weight magnitudes{.name = w.name,
                            .type = DType::f32,
                            .rows = count,
                            .cols = w.cols,
                            .bytes = std::as_bytes(std::span(sizes))};
    part.resize(static_cast<size_t>(x.rows() * count));
    const auto product = [&](const Tensor& activations, const Tensor& all) {
      Tensor some{part.data(), {x.rows(), count}};
      oracle_.matmul(c.at, activations, magnitudes, some);
      for (int64_t t = 0; t < x.rows(); ++t) {
        std::copy_n(part.data() + t * count, count, all.data + t * w.rows + first);
      }
    };
    product(x, terms.s);
    if (with_b) product(largest, terms.b);  // |w| is at most its parts
  }
  return terms;
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
CallBounds::Terms CallBounds::softmax_terms(const Tensor& exact) {
  const Tensor b = zeros(exact.shape);
  std::transform(exact.data, exact.data + exact.shape.elements(), b.data,
                 [](float p) { return p > 0 ? -p * std::log(p) : 0; });
  return {exact, b};
}

CallBounds::Terms CallBounds::attention_terms(const HostCall& c) {
  const Tensor x = magnitude_of(c.x);
  KvView view = c.kv;
  for (Tensor* pool : {&view.layer.k, &view.layer.v}) {
    if (pool->data != nullptr) *pool = magnitude_of(*pool);
  }
  OpCall on_magnitudes = c.call;
  on_magnitudes.x = &x;
  on_magnitudes.kv = &view;
  return {run(oracle_, on_magnitudes), {}};
}

CallBounds::Terms CallBounds::terms(const HostCall& c, const Tensor& exact) {
  if (c.call.op == "matmul") return product_terms(c.call);
  if (c.call.op == "rope") return rope_terms(c.call);
  if (c.call.op == "softmax") return softmax_terms(exact);
  if (c.call.kv != nullptr) return attention_terms(c);
  const Tensor s = magnitude_of(exact);
  if (c.call.op == "add_bias") {
    // |x| + |b| with b = exact - x.
    for (int64_t i = 0; i < s.shape.elements(); ++i) s.data[i] += 2 * std::abs(c.x.data[i]);
  }
  return {s, {}};
}

// The stored numbers are the operand itself, in a cache of f16 rounded: from 65520 on to infinity.
Judgement CallBounds::judge_store(const OpCall& c) {
  const bool halves = computing_.device().kv_value_bytes() == 2;
  Judgement judgement;
  for (const float v : elements(on_host(*c.x))) {
    const bool overflows = halves && std::abs(v) >= 65520;
    judgement.oracle.push_back(overflows ? std::copysign(kInfinity, v) : v);
    judgement.guaranteed.push_back(halves && !overflows ? f16_rounding(v) : 0);
  }
  judgement.expected = judgement.guaranteed;
  return judgement;
}

Judgement CallBounds::judge(const OpCall& c) {
  memory_.clear();
  if (c.is_kv_store()) return judge_store(c);
  HostCall host;
  take_operands(c, host);
  const Tensor exact = run(oracle_, host.call);
  const OpContract& contract = *find_contract(c.op, arithmetic_of(c));
  const Terms t = terms(host, exact);
  const bool promised = within_domain(host.x) && within_domain(host.b);
  const int64_t n = sum_length(c, contract);
  Judgement judgement;
  for (int64_t i = 0; i < exact.shape.elements(); ++i) {
    const double size = std::abs(double{exact.data[i]});
    const Magnitudes of{
        .exact = size, .terms = t.s.data[i], .operands = t.b.data == nullptr ? 0 : t.b.data[i], .n = n};
    // Two parts in 2^20 for magnitudes that were rounded to f32 themselves.
    const auto with_slack = [&](double bound) { return bound * (1 + 0x1p-19) + 0x1p-24 * size + 0x1p-150; };
    const bool masked = c.op == "attention_scores" && std::isinf(size);  // by definition: nothing is rounded
    const double unknown = std::numeric_limits<double>::quiet_NaN();
    judgement.oracle.push_back(exact.data[i]);
    judgement.guaranteed.push_back(masked      ? 0
                                   : !promised ? unknown
                                               : with_slack(contract_bound(contract, of)));
    judgement.expected.push_back(masked ? 0 : with_slack(expected_bound(contract, of)));
  }
  if (host.x.data != nullptr) judgement.x.assign(host.x.data, host.x.data + host.x.shape.elements());
  if (how_.twin != nullptr && c.kv == nullptr) {
    const Tensor twin = run(*how_.twin, host.call);
    judgement.twin.assign(twin.data, twin.data + twin.shape.elements());
  }
  return judgement;
}

}  // namespace kilter
