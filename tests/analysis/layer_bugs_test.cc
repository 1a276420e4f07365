// Bugs of norms, residuals, feed-forward, factors, biases, logits, ids and storage against formulas.
#include <functional>

#include "op_bugs_support.h"
#include "quant/half.h"

namespace kilter::analysis {
namespace {

constexpr At kIds{Point::token_embd};
constexpr At kNorm{Point::attn_norm, 0};
constexpr At kSum{Point::attn_residual, 0};
constexpr At kFfnSum{Point::ffn_residual, 0};
constexpr At kGate{Point::ffn_gate, 0}, kUp{Point::ffn_up, 0}, kAct{Point::ffn_act, 0},
    kGated{Point::ffn_gated, 0};
const At kLogits = at(Point::logits);
constexpr size_t kEmbd = SmallModel::kEmbd;

float f32(double x) { return static_cast<float>(x); }

class LayerBugs : public testing::Test {
 protected:
  // x[t,i] * w[i] * s(x of token t), for the norm in front of layer 0.
  Row norm(const std::function<double(const Row& x)>& s) {
    const Row& x = run_.right(kIds);
    const auto& w = run_.model().numbers("blk.0.attn_norm.weight");
    Row y(x.size());
    for (size_t from = 0; from < x.size(); from += kEmbd) {
      const double scale = s(Row(x.begin() + static_cast<std::ptrdiff_t>(from),
                                 x.begin() + static_cast<std::ptrdiff_t>(from + kEmbd)));
      for (size_t i = 0; i < kEmbd; ++i) y[from + i] = f32(double{x[from + i]} * double{w[i]} * scale);
    }
    return y;
  }
  static double squares(const Row& x) {
    long double sum = 0;
    for (const float v : x) sum += static_cast<long double>(v) * static_cast<long double>(v);
    return static_cast<double>(sum);
  }
  static double mean(const Row& x) {
    long double sum = 0;
    for (const float v : x) sum += static_cast<long double>(v);
    return static_cast<double>(sum) / static_cast<double>(x.size());
  }
  // f of two values, element by element.
  Row pairs(At a, At b, const std::function<double(double, double)>& f) {
    const Row& x = run_.right(a);
    const Row& y = run_.right(b);
    Row z(x.size());
    for (size_t i = 0; i < z.size(); ++i) z[i] = f32(f(double{x[i]}, double{y[i]}));
    return z;
  }
  Row each(At a, const std::function<double(double)>& f) {
    return pairs(a, a, [&](double x, double) { return f(x); });
  }
  void expect(std::string_view id, At at, std::string_view words, const Row& expected) {
    expect_bug(run_, id, at, words, expected);
  }

  BugRun run_;
};

TEST_F(LayerBugs, TheTestNormsRightly) {
  EXPECT_TRUE(
      same(norm([](const Row& x) { return 1 / std::sqrt(squares(x) / 24 + 1e-5); }), run_.right(kNorm)));
}

TEST_F(LayerBugs, NormEps) {
  const auto eps = [](double e) { return [e](const Row& x) { return 1 / std::sqrt(squares(x) / 24 + e); }; };
  expect("norm-eps", kNorm, "eps 1.000e-03 fits, the file says 1.000e-05", norm(eps(1e-3)));
  expect("norm-eps", kNorm, "eps 7.700e-04 fits", norm(eps(7.7e-4)));
  expect("norm-eps", kNorm, "eps 0.000e+00 fits", norm(eps(0)));
  expect("norm-eps", kNorm, "(sqrt(mean square) + eps)",
         norm([](const Row& x) { return 1 / (std::sqrt(squares(x) / 24) + 1e-5); }));
  expect("norm-eps", kNorm, "sum of squares, not to their mean",
         norm([](const Row& x) { return 1 / std::sqrt((squares(x) + 1e-5) / 24); }));
}

TEST_F(LayerBugs, NormKind) {
  const auto variance = [](const Row& x) { return squares(x) / 24 - mean(x) * mean(x); };
  Row layer_norm = norm([&](const Row& x) { return 1 / std::sqrt(variance(x) + 1e-5); });
  expect("norm-kind", kNorm, "standard deviation", layer_norm);
  const auto& w = run_.model().numbers("blk.0.attn_norm.weight");
  const Row& x = run_.right(kIds);
  for (size_t t = 0; t < 6; ++t) {
    const Row row(x.begin() + static_cast<std::ptrdiff_t>(t * kEmbd),
                  x.begin() + static_cast<std::ptrdiff_t>((t + 1) * kEmbd));
    for (size_t i = 0; i < kEmbd; ++i) {
      layer_norm[t * kEmbd + i] =
          f32((double{row[i]} - mean(row)) * double{w[i]} / std::sqrt(variance(row) + 1e-5));
    }
  }
  expect("norm-kind", kNorm, "LayerNorm", layer_norm);
}

TEST_F(LayerBugs, NormMeanSquare) {
  expect("norm-mean-square", kNorm, "not their mean",
         norm([](const Row& x) { return 1 / std::sqrt(squares(x) + 1e-5); }));
  expect("norm-mean-square", kNorm, "n - 1",
         norm([](const Row& x) { return 1 / std::sqrt(squares(x) / 23 + 1e-5); }));
  expect("norm-mean-square", kNorm, "the root is missing",
         norm([](const Row& x) { return 1 / (squares(x) / 24 + 1e-5); }));
  const auto half = [](const Row& x) { return squares(Row(x.begin(), x.begin() + 12)); };
  expect("norm-mean-square", kNorm, "first 12 elements are summed, and divided by their number",
         norm([&](const Row& x) { return 1 / std::sqrt(half(x) / 12 + 1e-5); }));
  expect("norm-mean-square", kNorm, "first 12 elements are summed, and divided by all",
         norm([&](const Row& x) { return 1 / std::sqrt(half(x) / 24 + 1e-5); }));
  expect("norm-twice", kNorm, "", [&] {
    const auto& w = run_.model().numbers("blk.0.attn_norm.weight");
    Row y = run_.right(kNorm);
    for (size_t t = 0; t < 6; ++t) {
      const double s = squares(Row(y.begin() + static_cast<std::ptrdiff_t>(t * 24),
                                   y.begin() + static_cast<std::ptrdiff_t>(t * 24 + 24)));
      for (size_t i = 0; i < 24; ++i)
        y[t * 24 + i] = f32(double{y[t * 24 + i]} * double{w[i]} / std::sqrt(s / 24 + 1e-5));
    }
    return y;
  }());
}

TEST_F(LayerBugs, NormRowsAndNone) {
  const Row& all = run_.right(kIds);
  const Row first(all.begin(), all.begin() + 24);
  expect("norm-rows", kNorm, "the first row's",
         norm([&](const Row&) { return 1 / std::sqrt(squares(first) / 24 + 1e-5); }));
  expect("norm-rows", kNorm, "all of them",
         norm([&](const Row&) { return 1 / std::sqrt(squares(all) / 144 + 1e-5); }));
  expect("norm-missing", kNorm, "of the layers", all);
  expect("norm-missing", at(Point::output_norm), "output_norm", run_.right(at(Point::output_rows)));
}

TEST_F(LayerBugs, Residual) {
  const At out{Point::attn_output, 0};
  const auto sum = [&](double a, double b) {
    return pairs(kIds, out, [=](double x, double y) { return a * x + b * y; });
  };
  EXPECT_TRUE(same(sum(1, 1), run_.right(kSum)));
  expect("residual-missing", kSum, "the branch alone", sum(0, 1));
  expect("residual-missing", kSum, "not added", sum(1, 0));
  expect("residual-missing", kSum, "taken off", sum(1, -1));
  expect("residual-twice", kSum, "residual is added twice", sum(2, 1));
  expect("residual-twice", kSum, "branch is added twice", sum(1, 2));
  expect("residual-multiplier", kSum, "Granite", sum(1, 0.22));
  expect("residual-multiplier", kSum, "factor 0.37 fits", sum(1, 0.37));
  expect("residual-from-norm", kSum, "", pairs(kNorm, out, [](double x, double y) { return x + y; }));
  const At down{Point::ffn_down, 0};
  expect("residual-source", kFfnSum, "attention's part is lost",
         pairs(kIds, down, [](double x, double y) { return x + y; }));
  expect("layer-skipped", {Point::ffn_residual, 1}, "the last layer", run_.right(kFfnSum));
}

TEST_F(LayerBugs, NormPlace) {
  const auto& w = run_.model().numbers("blk.0.attn_norm.weight");
  const auto normed = [&](const Row& x) {
    Row y(x.size());
    for (size_t t = 0; t < 6; ++t) {
      const double s = squares(Row(x.begin() + static_cast<std::ptrdiff_t>(t * 24),
                                   x.begin() + static_cast<std::ptrdiff_t>(t * 24 + 24)));
      for (size_t i = 0; i < 24; ++i)
        y[t * 24 + i] = f32(double{x[t * 24 + i]} * double{w[i]} / std::sqrt(s / 24 + 1e-5));
    }
    return y;
  };
  expect("norm-place", kSum, "after the sums", normed(run_.right(kSum)));
  expect("norm-place", kSum, "sums are normalised too", normed(run_.right(kSum)));
  Row branch = normed(run_.right({Point::attn_output, 0}));
  for (size_t i = 0; i < branch.size(); ++i) branch[i] = f32(double{branch[i]} + double{run_.right(kIds)[i]});
  expect("norm-place", kSum, "after the branches", branch);
  expect("norm-place", kNorm, "after the sums", run_.right(kIds));
}

TEST_F(LayerBugs, FeedForward) {
  const auto silu = [](double x) { return x / (1 + std::exp(-x)); };
  const auto of = [&](const std::function<double(double, double)>& f) { return pairs(kGate, kUp, f); };
  EXPECT_TRUE(same(of([&](double g, double u) { return silu(g) * u; }), run_.right(kGated)));
  expect("silu-on-up", kGated, "", of([&](double g, double u) { return g * silu(u); }));
  expect("silu-on-up", kAct, "", each(kUp, silu));
  expect("gated-product", kGated, "product of gate and up",
         of([&](double g, double u) { return silu(g * u); }));
  expect("gated-product", kGated, "to gate and to up",
         of([&](double g, double u) { return silu(g) * silu(u); }));
  expect("gated-product", kGated, "no SiLU at all", of([&](double g, double u) { return g * u; }));
  expect("gated-product", kGated, "up is left out", of([&](double g, double) { return silu(g); }));
  expect("gated-product", kGated, "up is added", of([&](double g, double u) { return silu(g) + u; }));
  expect("gelu", kAct, "erf", each(kGate, [](double x) { return x * std::erfc(-x * std::sqrt(0.5)) / 2; }));
  expect("gelu", kAct, "tanh", each(kGate, [](double x) {
           const double e = std::exp(2 * 0.7978845608028654 * (x + 0.044715 * x * x * x));
           return x * e / (e + 1);
         }));
  expect("gelu", kAct, "quick", each(kGate, [](double x) { return x / (1 + std::exp(-1.702 * x)); }));
  expect("activation", kAct, "ReLU", each(kGate, [](double x) { return std::max(x, 0.0); }));
  expect("activation", kAct, "there is none", run_.right(kGate));
  expect("activation", kAct, "sigmoid alone",
         each(kGate, [](double x) { return (1 + std::tanh(x / 2)) / 2; }));
}

TEST_F(LayerBugs, Factors) {
  const auto times = [&](At a, double factor) { return each(a, [=](double x) { return factor * x; }); };
  expect("embedding-multiplier", kIds, "sqrt(n_embd), as Gemma", times(kIds, std::sqrt(24.0)));
  expect("embedding-multiplier", kIds, "factor 3.3 fits", times(kIds, 3.3));
  expect("logit-multiplier", kLogits, "1/8", times(kLogits, 0.125));
  expect("logit-multiplier", kLogits, "factor 0.9 fits", times(kLogits, 0.9));
  expect("constant-factor", {Point::attn_q, 0}, "factor 0.6 fits", times({Point::attn_q, 0}, 0.6));
  expect("constant-factor", {Point::attn_q, 0}, "the sign", times({Point::attn_q, 0}, -1));
}

TEST(Biases, TwiceAndFirstRow) {
  BugRun run({.biases = true});
  const Row& x = run.right({Point::attn_v, 0});
  const auto& b = run.model().numbers("blk.0.attn_v.bias");
  Row twice = x, first = x;
  for (size_t i = 0; i < x.size(); ++i) twice[i] = f32(double{x[i]} + 2 * double{b[i % b.size()]});
  for (size_t i = 0; i < b.size(); ++i) first[i] = f32(double{x[i]} + double{b[i]});
  expect_bug(run, "bias-wrong", {Point::attn_v_bias, 0}, "added twice", twice);
  expect_bug(run, "bias-first-row", {Point::attn_v_bias, 0}, "only token 0", first);
}

TEST(HeadNorms, NoneBehindRopeAndWholeRow) {
  BugRun run({.head_norms = true});
  const At q{Point::attn_q, 0}, normed{Point::attn_q_norm, 0}, turned{Point::attn_q_rope, 0};
  expect_bug(run, "qk-norm", normed, "left out", run.right(q));
  const Row& x = run.right(q);
  const auto& w = run.model().numbers("blk.0.attn_q_norm.weight");
  const auto scaled = [&](const Row& v, size_t vector) {
    Row y(v.size());
    for (size_t from = 0; from < v.size(); from += vector) {
      double squares = 0;
      for (size_t i = 0; i < vector; ++i) squares += double{v[from + i]} * double{v[from + i]};
      const double s = 1 / std::sqrt(squares / static_cast<double>(vector) + 1e-5);
      for (size_t i = 0; i < vector; ++i) y[from + i] = f32(double{v[from + i]} * double{w[i % 8]} * s);
    }
    return y;
  };
  expect_bug(run, "qk-norm", normed, "whole row", scaled(x, 32));
  Row rotated = x;
  for (size_t i = 0; i < x.size(); i += 2) {
    const auto t = static_cast<double>(i / 32);
    const double a = t * std::pow(10000.0, -static_cast<double>(i % 8) / 8);
    rotated[i] = f32(double{x[i]} * std::cos(a) - double{x[i + 1]} * std::sin(a));
    rotated[i + 1] = f32(double{x[i]} * std::sin(a) + double{x[i + 1]} * std::cos(a));
  }
  expect_bug(run, "qk-norm", turned, "after RoPE", scaled(rotated, 8));
}

TEST_F(LayerBugs, Logits) {
  expect("logit-soft-cap", kLogits, "30 * tanh",
         each(kLogits, [](double x) { return 30 * std::tanh(x / 30); }));
  expect("logit-soft-cap", kLogits, "2.5 * tanh",
         each(kLogits, [](double x) { return 2.5 * std::tanh(x / 2.5); }));
  double sum = 0;
  for (const float x : run_.right(kLogits)) sum += std::exp(double{x});
  expect("logits-as-probabilities", kLogits, "logarithms",
         each(kLogits, [&](double x) { return x - std::log(sum); }));
  expect("logits-as-probabilities", kLogits, "they are probabilities",
         each(kLogits, [&](double x) { return std::exp(x) / sum; }));
}

// Ids of the run: 3 14 25 36 7 18, in passes of four, one and one.
TEST_F(LayerBugs, Ids) {
  const auto& table = run_.model().numbers("token_embd.weight");
  const auto embedded = [&](const std::vector<size_t>& ids) {
    Row y;
    for (const size_t id : ids) {
      for (size_t i = 0; i < kEmbd; ++i) y.push_back(table[id * kEmbd + i]);
    }
    return y;
  };
  ASSERT_TRUE(same(embedded({3, 14, 25, 36, 7, 18}), run_.right(kIds)));
  expect("token-ids", kIds, "row 2 is token 39's, the dump's ids say 25", embedded({3, 14, 39, 36, 7, 18}));
  expect("token-shift", kIds, "the first token (BOS?) is missing", embedded({14, 25, 36, 7, 18, 18}));
  expect("token-shift", kIds, "in front twice", embedded({3, 3, 14, 25, 36, 7}));
  expect("token-shift", kIds, "the token before once more", embedded({3, 14, 25, 36, 36, 7}));
  expect("token-shift", kIds, "last token again and again", embedded({3, 14, 25, 36, 36, 36}));
  expect("token-shift", kIds, "first token's", embedded({3, 3, 3, 3, 3, 3}));
  expect("token-shift", kIds, "reverse", embedded({36, 25, 14, 3, 7, 18}));
}

TEST_F(LayerBugs, LogitRows) {
  const At rows = at(Point::output_rows);
  const Row& x = run_.right({Point::ffn_residual, 1});
  const auto row = [&](std::ptrdiff_t t) { return Row(x.begin() + t * 24, x.begin() + (t + 1) * 24); };
  ASSERT_EQ(row(5), run_.right(rows));
  expect("logits-row", rows, "token 0", row(0));
  expect("logits-row", rows, "the token before", row(4));
  expect("logits-row", rows, "prompt's last token", row(3));
}

TEST_F(LayerBugs, Storage) {
  const At q{Point::attn_q, 0};
  const Row& right = run_.right(q);
  expect("clamp", q, "clamped to +-0.5", each(q, [](double x) { return std::min(0.5, std::max(-0.5, x)); }));
  expect("unwritten", q, "all of it is 0", Row(right.size()));
  Row tail = right, moved = right, first = right, late = right;
  for (size_t i = 0; i < right.size(); ++i) {
    if (i % 32 >= 20) tail[i] = 0;
    moved[i] = i < 32 ? 0 : right[i - 32];
    first[i] = right[i % 32];
    late[i] = i % 32 == 0 ? 0 : right[i - 1];
  }
  expect("unwritten", q, "elements from 20 on", tail);
  expect("moved-rows", q, "the token before", moved);
  expect("moved-rows", q, "that of the first token", first);
  expect("moved-rows", q, "one place too late", late);
}

// Sums in f16, one by one: 1 + 2^-11 is 1 again, so the order matters and small products are lost.
TEST_F(LayerBugs, SumsInHalves) {
  const At q{Point::attn_q, 0};
  const Row& x = run_.right(kNorm);
  const auto& w = run_.model().numbers("blk.0.attn_q.weight");
  Row y;
  for (size_t t = 0; t < 6; ++t) {
    for (size_t o = 0; o < 32; ++o) {
      float sum = 0;
      for (size_t i = 0; i < 24; ++i)
        sum = quant::f16_to_f32(quant::f32_to_f16(sum + w[o * 24 + i] * x[t * 24 + i]));
      y.push_back(sum);
    }
  }
  expect("f16-accumulation", q, "f16", y);
}

// Keys a thousand times as large: q . k passes 65504 for some pairs, and s = (q . k) / sqrt(8) for fewer.
TEST(Overflow, OfScores) {
  Node node{
      .at = {Point::attn_scores, 0}, .op = "attention_scores", .inputs = {}, .number = 0.125F, .row = {1, 0}};
  class View final : public ReplayView {
   public:
    explicit View(const Graph& graph) : graph_(graph) {}
    const Graph& graph() const override { return graph_; }
    std::span<const int32_t> tokens() const override { return rows_; }
    std::span<const int64_t> passes() const override { return passes_; }
    const Weight* weight(std::string_view) const override { return nullptr; }
    std::span<const std::byte> file_data() const override { return {}; }
    Result<std::span<const float>> value(At at) override {
      return Error{ErrorCode::usage, to_string(at), "none", ""};
    }
    std::span<const int32_t> rows(At) const override { return rows_; }
    Result<Row> run(const Node&) override { return Row{8000, 9000, -9000, 70000}; }
    Result<Row> run_rope(const Node& n, std::span<const int32_t>) override { return run(n); }

   private:
    const Graph& graph_;
    std::vector<int32_t> rows_{0};
    std::vector<int64_t> passes_{1};
  };
  const Graph graph({node});
  View view(graph);
  const std::vector<const Node*> segment{graph.find(node.at)};
  const std::vector<int32_t> rows{0};
  Elements seen{{8000, INFINITY, -INFINITY, INFINITY}, {}};
  const Suspect suspect{segment[0], rows, &seen, &view, segment, nullptr};
  bool product = false, stored = false;
  for (const Trial& trial : bug_named("f16-overflow").trials(suspect)) {
    const auto y = trial.mutation->compute(*segment[0], view);
    ASSERT_TRUE(y.ok());
    product =
        product || *y == Row{8000, INFINITY, -INFINITY, INFINITY};  // 8 * 8000 = 64000 fits, 72000 does not
    stored = stored || *y == Row{8000, 9000, -9000, INFINITY};
  }
  EXPECT_TRUE(product);
  EXPECT_TRUE(stored);
}

}  // namespace
}  // namespace kilter::analysis
