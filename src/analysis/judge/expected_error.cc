#include "analysis/judge/expected_error.h"

#include <algorithm>
#include <cmath>

#include "quant/codec.h"

namespace kilter::analysis {
namespace {

constexpr double kPoorLibrary = 4;  // an exp or a root of a few units more is no bug
constexpr double kTiny = 0x1p-140;  // a few steps of the smallest numbers

// One op being bounded.
struct Bounded {
  const Node& node;
  std::span<const float> y;
  BoundContext& context;
  ErrorBounds bounds;

  size_t width() const {
    const size_t rows = context.view.rows(node.at).size();
    return rows == 0 ? 0 : y.size() / rows;
  }
  // A sum of n terms whose magnitudes sum up to s, and some roundings of the result.
  void set(size_t i, double n, double s, double roundings) {
    const double rounded = roundings * kUnit * std::abs(double{y[i]}) + kTiny;
    bounds.expected[i] = kLambda * std::sqrt(n) * kUnit * s + rounded;
    bounds.guaranteed[i] = n * kUnit * s + kPoorLibrary * rounded;
  }
};

double norm(std::span<const float> x) {
  double squares = 0;
  for (const float v : x) squares += double{v} * double{v};
  return std::sqrt(squares);
}

Status bound_matmul(Bounded& b) {
  KILTER_ASSIGN(const std::span<const float> x, b.context.view.value(b.node.inputs.at(0)));
  KILTER_ASSIGN(const std::span<const double> rows, b.context.norms.of(*b.node.weight));
  const auto n_in = static_cast<size_t>(b.node.weight->cols);
  const size_t n_out = rows.size();
  for (size_t t = 0; t * n_out < b.y.size(); ++t) {
    const double length = norm(x.subspan(t * n_in, n_in));
    for (size_t o = 0; o < n_out; ++o) {
      b.set(t * n_out + o, static_cast<double>(n_in), rows[o] * length, 2);
    }
  }
  return {};
}

// The mean of squares is a sum of positive numbers, and the root halves its error.
Status bound_rmsnorm(Bounded& b) {
  const auto n = static_cast<double>(b.node.weight->cols);
  for (size_t i = 0; i < b.y.size(); ++i) b.set(i, n, std::abs(double{b.y[i]}) / 2, 8);
  return {};
}

Status bound_rope(Bounded& b) {
  KILTER_ASSIGN(const std::span<const float> x, b.context.view.value(b.node.inputs.at(0)));
  const Rope& rope = *b.node.rope;
  const auto head = static_cast<size_t>(b.node.row[1]);
  const std::span<const int32_t> tokens = b.context.view.rows(b.node.at);
  const bool adjacent = rope.pairs == RopePairs::adjacent;
  const auto half = static_cast<size_t>(rope.n_rot / 2);
  for (size_t at = 0; at < b.y.size(); at += head) {
    const double position = tokens[at / b.width()];
    for (size_t j = 0; j < half; ++j) {
      const size_t first = at + (adjacent ? 2 * j : j);
      const size_t second = adjacent ? first + 1 : first + half;
      const double size = (std::abs(double{x[first]}) + std::abs(double{x[second]})) * rope.magnitude;
      const double angle = position * rope.frequency[j] * (static_cast<double>(j) + 4);
      const double error = size * (angle + 6) * kUnit + kTiny;
      for (const size_t i : {first, second}) b.bounds.expected[i] = b.bounds.guaranteed[i] = error;
    }
    for (size_t i = at + 2 * half; i < at + head; ++i) b.set(i, 0, 0, 1);
  }
  return {};
}

Status bound_scores(Bounded& b) {
  KILTER_ASSIGN(const std::span<const float> q, b.context.view.value(b.node.inputs.at(0)));
  KILTER_ASSIGN(const std::span<const float> k, b.context.view.value(b.node.inputs.at(1)));
  const size_t tokens = b.context.view.tokens().size();
  const auto n_head = static_cast<size_t>(b.node.row[0]);
  const size_t head = q.size() / (tokens * n_head);
  const size_t n_head_kv = k.size() / (tokens * head);
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t h = 0; h < n_head; ++h) {
      const double query = norm(q.subspan((t * n_head + h) * head, head)) * std::abs(double{b.node.number});
      for (size_t l = 0; l < tokens; ++l) {
        const size_t key = (l * n_head_kv + h / (n_head / n_head_kv)) * head;
        const double size = l <= t ? query * norm(k.subspan(key, head)) : 0;
        b.set((t * n_head + h) * tokens + l, static_cast<double>(head), size, 2);
      }
    }
  }
  return {};
}

// exp at a few units; its argument s - m is rounded, and what is dumped of s may be a rounding: a relative
// error of u (|s - m| + |s| + |m|).
Status bound_softmax(Bounded& b) {
  KILTER_ASSIGN(const std::span<const float> s, b.context.view.value(b.node.inputs.at(0)));
  const size_t n = b.context.view.tokens().size();
  for (size_t begin = 0; begin < b.y.size(); begin += n) {
    const std::span<const float> row = s.subspan(begin, n);
    const double most = *std::max_element(row.begin(), row.end());
    for (size_t i = 0; i < n; ++i) {
      const double size = std::isfinite(row[i]) ? std::abs(double{row[i]}) + std::abs(most) : 0;
      b.set(begin + i, static_cast<double>(n), b.y[begin + i], 12 + 2 * size);
    }
  }
  return {};
}

Status bound_mix(Bounded& b) {
  KILTER_ASSIGN(const std::span<const float> v, b.context.view.value(b.node.inputs.at(1)));
  const size_t tokens = b.context.view.tokens().size();
  const size_t width = b.width();
  const auto head = static_cast<size_t>(b.node.row[1]);
  const auto n_head = static_cast<size_t>(b.node.row[0]);
  const size_t row = v.size() / tokens;
  const size_t group = n_head / (row / head);
  std::vector<double> most(row);  // the largest |v| that a token may see
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t i = 0; i < row; ++i) most[i] = std::max(most[i], std::abs(double{v[t * row + i]}));
    for (size_t i = 0; i < width; ++i) {
      b.set(t * width + i, static_cast<double>(t + 1), most[i / head / group * head + i % head], 4);
    }
  }
  return {};
}

Status bound_silu(Bounded& b) {
  KILTER_ASSIGN(const std::span<const float> x, b.context.view.value(b.node.inputs.at(0)));
  // And a few units of x: 0.5 x (1 + tanh) and other ways to write a gate cancel where the gate is shut.
  for (size_t i = 0; i < b.y.size(); ++i) {
    const double size = std::abs(double{x[i]});
    b.set(i, 1, 4 * size / kLambda, 10 + size);
  }
  return {};
}

Status bound_sum(Bounded& b) {
  KILTER_ASSIGN(const std::span<const float> x, b.context.view.value(b.node.inputs.at(0)));
  // |x| + |y - x| + |y|: what is dumped of the operands may be their rounding.
  for (size_t i = 0; i < b.y.size(); ++i) {
    b.set(i, 1, 2 * (std::abs(double{x[i]}) + std::abs(double{b.y[i]})) / kLambda, 2);
  }
  return {};
}

Status bound_element(Bounded& b) {
  for (size_t i = 0; i < b.y.size(); ++i) b.set(i, 0, 0, 4);
  return {};
}

struct BoundRow {
  std::string_view op;
  Status (*bound)(Bounded&);
};
constexpr BoundRow kBounds[] = {
    {"embed", bound_element},
    {"rmsnorm", bound_rmsnorm},
    {"matmul", bound_matmul},
    {"add_bias", bound_sum},
    {"rope", bound_rope},
    {"kv_store", bound_element},
    {"attention_scores", bound_scores},
    {"softmax", bound_softmax},
    {"attention_mix", bound_mix},
    {"silu", bound_silu},
    {"multiply", bound_element},
    {"add", bound_sum},
    {"take_rows", bound_element},
};

}  // namespace

Result<std::span<const double>> WeightNorms::of(const Weight& w) {
  std::vector<double>& norms = known_[w.bytes.data()];
  if (norms.size() == static_cast<size_t>(w.rows)) return std::span<const double>(norms);
  norms.assign(static_cast<size_t>(w.rows), 0);
  std::vector<float> row(static_cast<size_t>(w.cols));
  for (int64_t r = 0; r < w.rows; ++r) {
    KILTER_TRY(quant::decode(w.type, w.row(r), row));
    norms[static_cast<size_t>(r)] = norm(row);
  }
  return std::span<const double>(norms);
}

Result<ErrorBounds> error_bounds(const Node& node, std::span<const float> y, BoundContext& context) {
  Bounded bounded{node, y, context, {std::vector<double>(y.size()), std::vector<double>(y.size())}};
  for (const BoundRow& row : kBounds) {
    if (row.op != node.op) continue;
    KILTER_TRY(row.bound(bounded));
    return std::move(bounded.bounds);
  }
  return Error{ErrorCode::usage, to_string(node.at), "there is no bound for " + std::string(node.op), ""};
}

}  // namespace kilter::analysis
