// What the reference ops do at the edges: NaN and infinity go where the formula sends them and nowhere else;
// an output may be the input where ops.h says so.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "op_bench.h"

namespace kilter {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();

class ReferenceOpsEdges : public testing::Test {
 protected:
  OpBench bench_{1};
  reference::ReferenceOps& ops_ = bench_.ops;
};

TEST_F(ReferenceOpsEdges, SiluFollowsItsFormula) {
  const Tensor x = bench_.of({6}, {kNan, kInf, -kInf, -kLargest, 0.0F, -0.0F});
  Tensor y = bench_.zeros({6});
  ops_.silu(kAnywhere, x, y);
  // -inf / (1 + inf) has no value; a finite x however small has one, which rounds to -0.
  expect_same_bits(y, bench_.of({6}, {kNan, kInf, kNan, -0.0F, 0.0F, -0.0F}));
}

TEST_F(ReferenceOpsEdges, AddAndMultiplyFollowIeee754) {
  const Tensor a = bench_.of({5}, {kNan, kInf, kInf, kLargest, -0.0F});
  const Tensor b = bench_.of({5}, {1, -kInf, 0, kLargest, -0.0F});
  Tensor y = bench_.zeros({5});
  ops_.add(kAnywhere, a, b, y);
  expect_same_bits(y, bench_.of({5}, {kNan, kNan, kInf, kInf, -0.0F}));
  ops_.multiply(kAnywhere, a, b, y);
  expect_same_bits(y, bench_.of({5}, {kNan, -kInf, kNan, kInf, 0.0F}));
}

TEST_F(ReferenceOpsEdges, RmsnormKeepsNanInItsVector) {
  const TestWeight& w = bench_.weight_of(1, 2, {1, 2});
  const Tensor x = bench_.of({4, 2}, {kNan, 1, 3, 3, kInf, 1, 0, 0});
  Tensor y = bench_.zeros(x.shape);
  ops_.rmsnorm(kAnywhere, x, w.weight, 1e-5F, y);
  const float one = static_cast<float>(3 / std::sqrt(9 + double{1e-5F}));
  expect_same_bits(y, bench_.of({4, 2}, {kNan, kNan, one, 2 * one, kNan, 0, 0, 0}));
}

// f32 squares would overflow and underflow; f64 ones do not.
TEST_F(ReferenceOpsEdges, RmsnormHasTheWholeRangeOfF32) {
  const TestWeight& w = bench_.weight_of(1, 2, {1, 1});
  const Tensor x = bench_.of({2, 2}, {kLargest, -kLargest, 1e-30F, -1e-30F});
  Tensor y = bench_.zeros(x.shape);
  ops_.rmsnorm(kAnywhere, x, w.weight, std::numeric_limits<float>::min(), y);
  EXPECT_EQ(y.data[0], 1);
  EXPECT_EQ(y.data[1], -1);
  EXPECT_NEAR(y.data[2], 1e-30 / std::sqrt(double{std::numeric_limits<float>::min()}), 1e-17);
}

TEST_F(ReferenceOpsEdges, MatmulKeepsNanInItsRowAndColumn) {
  const TestWeight& w = bench_.weight_of(2, 2, {1, 2, kNan, 4});
  const Tensor x = bench_.of({3, 2}, {1, 1, kNan, 1, kLargest, kLargest});
  Tensor y = bench_.zeros({3, 2});
  ops_.matmul(kAnywhere, x, w.weight, y);
  expect_same_bits(y, bench_.of({3, 2}, {3, kNan, kNan, kNan, kInf, kNan}));
}

// In f32 the first sum would be infinite.
TEST_F(ReferenceOpsEdges, MatmulSumsInF64) {
  const TestWeight& w = bench_.weight_of(2, 3, {1, 1, -1, 1, 1e-20F, -1});
  const Tensor x = bench_.of({1, 3}, {kLargest, kLargest, kLargest});
  Tensor y = bench_.zeros({1, 2});
  ops_.matmul(kAnywhere, x, w.weight, y);
  EXPECT_EQ(y.data[0], kLargest);
  const Tensor one = bench_.of({1, 3}, {1, 1, 1});
  ops_.matmul(kAnywhere, one, w.weight, y);
  EXPECT_EQ(y.data[1], 0) << "1 + 1e-20 is 1 in f64 too";
}

TEST_F(ReferenceOpsEdges, EmbedRoundsWhatF32CannotHold) {
  const std::array<double, 3> numbers = {1e300, 1.0 / 3.0, 1e-300};
  const Weight table{
      .name = "w", .type = DType::f64, .rows = 1, .cols = 3, .bytes = std::as_bytes(std::span(numbers))};
  Tensor y = bench_.zeros({1, 3});
  const std::array<int32_t, 1> ids = {0};
  ops_.embed(kAnywhere, ids, table, y);
  expect_same_bits(y, bench_.of({1, 3}, {kInf, 1.0F / 3.0F, 0}));
}

TEST_F(ReferenceOpsEdges, RopeKeepsNanInItsPair) {
  const Rope rope{.pairs = RopePairs::halves, .n_rot = 4, .frequency = {0, 0}, .magnitude = 1};
  const Tensor x = bench_.of({1, 1, 5}, {kNan, 2, 3, 4, kInf});
  Tensor y = bench_.zeros(x.shape);
  const std::array<int32_t, 1> positions = {9};
  ops_.rope(kAnywhere, x, positions, rope, y);
  expect_same_bits(y, bench_.of({1, 1, 5}, {kNan, 2, kNan, 4, kInf}));
}

TEST_F(ReferenceOpsEdges, SoftmaxKeepsNanInItsVector) {
  const Tensor s = bench_.of({1, 5, 2}, {1, kNan, -kInf, 7, kInf, 1, kLargest, -kLargest, -kLargest, -kInf});
  Tensor p = bench_.zeros(s.shape);
  ops_.softmax(kAnywhere, s, p);
  expect_same_bits(p, bench_.of({1, 5, 2}, {kNan, kNan, 0, 1, kNan, kNan, 1, 0, 1, 0}));
}

// Slots that no row may see hold NaN: later positions, other sequences, blocks that nobody owns.
TEST_F(ReferenceOpsEdges, AttentionDoesNotSeeWhatIsHidden) {
  constexpr int64_t kWidth = 3;
  const KvTables tables{{{1}, {0}}};
  const Batch batch{.tokens = {0}, .positions = {1}, .sequences = {0}, .logit_rows = {}};
  Tensor pool = bench_.zeros({2 * kKvBlock, 1, kWidth});
  std::fill_n(pool.data, pool.shape.elements(), kNan);
  std::fill_n(pool.data + kKvBlock * kWidth, 2 * kWidth, 0.5F);
  const KvView view{{pool, pool}, &tables};

  const Tensor q = bench_.of({1, 1, kWidth}, {1, 2, 3});
  Tensor s = bench_.zeros({1, 1, 4});
  ops_.attention_scores(kAnywhere, q, view, batch, 1.0F, s);
  expect_same_bits(s, bench_.of({1, 1, 4}, {3, 3, -kInf, -kInf}));
  ops_.softmax(kAnywhere, s, s);
  Tensor y = bench_.zeros({1, 1, kWidth});
  ops_.attention_mix(kAnywhere, s, view, batch, y);
  expect_same_bits(y, bench_.of({1, 1, kWidth}, {0.5F, 0.5F, 0.5F}));
}

TEST_F(ReferenceOpsEdges, OutputMayBeTheInput) {
  const TestWeight& w = bench_.weight_of(1, 6, {1, 2, 3, 4, 5, 6});
  const Rope rope{.pairs = RopePairs::adjacent, .n_rot = 4, .frequency = {1, 0.1}, .magnitude = 1};
  const Rope halves{.pairs = RopePairs::halves, .n_rot = 4, .frequency = {1, 0.1}, .magnitude = 1};
  const std::array<int32_t, 2> positions = {3, 8};
  const std::function<void(const Tensor&, Tensor&)> calls[] = {
      [&](const Tensor& x, Tensor& y) { ops_.rmsnorm(kAnywhere, x, w.weight, 1e-5F, y); },
      [&](const Tensor& x, Tensor& y) { ops_.add_bias(kAnywhere, x, w.weight, y); },
      [&](const Tensor& x, Tensor& y) { ops_.rope(kAnywhere, x, positions, rope, y); },
      [&](const Tensor& x, Tensor& y) { ops_.rope(kAnywhere, x, positions, halves, y); },
      [&](const Tensor& x, Tensor& y) { ops_.softmax(kAnywhere, x, y); },
      [&](const Tensor& x, Tensor& y) { ops_.silu(kAnywhere, x, y); },
      [&](const Tensor& x, Tensor& y) { ops_.multiply(kAnywhere, x, x, y); },
      [&](const Tensor& x, Tensor& y) { ops_.add(kAnywhere, x, x, y); },
  };
  for (const auto& call : calls) {
    const Tensor x = bench_.random({2, 2, 6});
    Tensor apart = bench_.zeros(x.shape);
    call(x, apart);
    Tensor same = bench_.copy(x);
    call(same, same);
    expect_same_bits(same, apart);
  }
}

TEST_F(ReferenceOpsEdges, SecondOperandMayBeTheOutput) {
  const Tensor a = bench_.random({2, 6});
  const Tensor b = bench_.random({2, 6});
  Tensor apart = bench_.zeros(a.shape);
  Tensor same = bench_.copy(b);
  ops_.multiply(kAnywhere, a, b, apart);
  ops_.multiply(kAnywhere, a, same, same);
  expect_same_bits(same, apart);
  same = bench_.copy(b);
  ops_.add(kAnywhere, a, b, apart);
  ops_.add(kAnywhere, a, same, same);
  expect_same_bits(same, apart);
}

// A pass may ask for no logits at all.
TEST_F(ReferenceOpsEdges, NoRowsIsNoWork) {
  const TestWeight& w = bench_.weight_of(2, 2, {1, 2, 3, 4});
  Tensor x = bench_.zeros({0, 2});
  Tensor y = bench_.zeros({0, 2});
  ops_.take_rows(kAnywhere, bench_.random({3, 2}), {}, y);
  ops_.matmul(kAnywhere, x, w.weight, y);
  ops_.add(kAnywhere, x, x, y);
  EXPECT_TRUE(ops_.device().finish().ok());
}

}  // namespace
}  // namespace kilter
