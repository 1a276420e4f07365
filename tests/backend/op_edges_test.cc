// What the ops do at the edges: NaN and infinity go where the formula sends them and nowhere else;
// an output may be the input where ops.h says so.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "ops_under_test.h"

namespace kilter {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();

class OpEdges : public testing::TestWithParam<OpsUnderTest> {
 protected:
  OpsBench bench_{GetParam(), 1};
  Ops& ops_ = bench_.ops;
};

TEST_P(OpEdges, SiluFollowsItsFormula) {
  const Tensor x = bench_.of({6}, {kNan, kInf, -kInf, -kLargest, 0.0F, -0.0F});
  Tensor y = bench_.zeros({6});
  ops_.silu(kAnywhere, x, y);
  // A finite x however small has a value, which rounds to -0. -inf / (1 + inf) has none; the CPU backend
  // takes the limit.
  const float lowest = bench_.which.is_reference() ? kNan : -0.0F;
  expect_same_bits(y, bench_.of({6}, {kNan, kInf, lowest, -0.0F, 0.0F, -0.0F}));
}

TEST_P(OpEdges, AddAndMultiplyFollowIeee754) {
  const Tensor a = bench_.of({5}, {kNan, kInf, kInf, kLargest, -0.0F});
  const Tensor b = bench_.of({5}, {1, -kInf, 0, kLargest, -0.0F});
  Tensor y = bench_.zeros({5});
  ops_.add(kAnywhere, a, b, y);
  expect_same_bits(y, bench_.of({5}, {kNan, kNan, kInf, kInf, -0.0F}));
  ops_.multiply(kAnywhere, a, b, y);
  expect_same_bits(y, bench_.of({5}, {kNan, -kInf, kNan, kInf, 0.0F}));
}

TEST_P(OpEdges, RmsnormKeepsNanInItsVector) {
  const TestWeight& w = bench_.weight_of(1, 2, {1, 2});
  const Tensor x = bench_.of({4, 2}, {kNan, 1, 3, 3, kInf, 1, 0, 0});
  Tensor y = bench_.zeros(x.shape);
  ops_.rmsnorm(kAnywhere, x, w.weight, 1e-5F, y);
  EXPECT_NEAR(y.data[2], 3 / std::sqrt(9 + double{1e-5F}), 10 * 0x1p-24);  // the row of rmsnorm in f32
  const float one = y.data[2];
  expect_same_bits(y, bench_.of({4, 2}, {kNan, kNan, one, 2 * one, kNan, 0, 0, 0}));
}

// f32 squares would overflow and underflow; f64 ones do not.
TEST_P(OpEdges, RmsnormHasTheWholeRangeOfF32) {
  if (!bench_.which.is_reference()) GTEST_SKIP() << "squares are f32";
  const TestWeight& w = bench_.weight_of(1, 2, {1, 1});
  const Tensor x = bench_.of({2, 2}, {kLargest, -kLargest, 1e-30F, -1e-30F});
  Tensor y = bench_.zeros(x.shape);
  ops_.rmsnorm(kAnywhere, x, w.weight, std::numeric_limits<float>::min(), y);
  EXPECT_EQ(y.data[0], 1);
  EXPECT_EQ(y.data[1], -1);
  EXPECT_NEAR(y.data[2], 1e-30 / std::sqrt(double{std::numeric_limits<float>::min()}), 1e-17);
}

TEST_P(OpEdges, MatmulKeepsNanInItsRowAndColumn) {
  const TestWeight& w = bench_.weight_of(2, 2, {1, 2, kNan, 4});
  const Tensor x = bench_.of({3, 2}, {1, 1, kNan, 1, kLargest, kLargest});
  Tensor y = bench_.zeros({3, 2});
  ops_.matmul(kAnywhere, x, w.weight, y);
  expect_same_bits(y, bench_.of({3, 2}, {3, kNan, kNan, kNan, kInf, kNan}));
}

// A NaN is in a block of activations, so none of its row's products has a value; other rows do not notice.
TEST_P(OpEdges, MatmulOfBlocksKeepsNanInItsRow) {
  const TestWeight& w = bench_.weight(DType::q4_0, 3, 512);
  const Tensor x = bench_.random({3, 512});
  x.data[512 + 300] = kNan;
  x.data[2 * 512] = kInf;
  Tensor y = bench_.zeros({3, 3});
  ops_.matmul(kAnywhere, x, w.weight, y);
  for (int64_t i = 0; i < 9; ++i) EXPECT_EQ(std::isfinite(y.data[i]), i < 3) << i;
}

// In f32 the first sum would be infinite.
TEST_P(OpEdges, MatmulSumsInF64) {
  if (!bench_.which.is_reference()) GTEST_SKIP() << "sums are f32";
  const TestWeight& w = bench_.weight_of(2, 3, {1, 1, -1, 1, 1e-20F, -1});
  const Tensor x = bench_.of({1, 3}, {kLargest, kLargest, kLargest});
  Tensor y = bench_.zeros({1, 2});
  ops_.matmul(kAnywhere, x, w.weight, y);
  EXPECT_EQ(y.data[0], kLargest);
  const Tensor one = bench_.of({1, 3}, {1, 1, 1});
  ops_.matmul(kAnywhere, one, w.weight, y);
  EXPECT_EQ(y.data[1], 0) << "1 + 1e-20 is 1 in f64 too";
}

TEST_P(OpEdges, EmbedRoundsWhatF32CannotHold) {
  const std::array<double, 3> numbers = {1e300, 1.0 / 3.0, 1e-300};
  const Weight table{
      .name = "w", .type = DType::f64, .rows = 1, .cols = 3, .bytes = std::as_bytes(std::span(numbers))};
  Tensor y = bench_.zeros({1, 3});
  const std::array<int32_t, 1> ids = {0};
  ops_.embed(kAnywhere, ids, table, y);
  expect_same_bits(y, bench_.of({1, 3}, {kInf, 1.0F / 3.0F, 0}));
}

TEST_P(OpEdges, RopeKeepsNanInItsPair) {
  const Rope rope{.pairs = RopePairs::halves, .n_rot = 4, .frequency = {0, 0}, .magnitude = 1};
  const Tensor x = bench_.of({1, 1, 5}, {kNan, 2, 3, 4, kInf});
  Tensor y = bench_.zeros(x.shape);
  const std::array<int32_t, 1> positions = {9};
  ops_.rope(kAnywhere, x, positions, rope, y);
  expect_same_bits(y, bench_.of({1, 1, 5}, {kNan, 2, kNan, 4, kInf}));
}

TEST_P(OpEdges, SoftmaxKeepsNanInItsVector) {
  const Tensor s = bench_.of({1, 5, 2}, {1, kNan, -kInf, 7, kInf, 1, kLargest, -kLargest, -kLargest, -kInf});
  Tensor p = bench_.zeros(s.shape);
  ops_.softmax(kAnywhere, s, p);
  expect_same_bits(p, bench_.of({1, 5, 2}, {kNan, kNan, 0, 1, kNan, kNan, 1, 0, 1, 0}));
}

// Slots that no row may see hold NaN: later positions, other sequences, blocks that nobody owns.
TEST_P(OpEdges, AttentionDoesNotSeeWhatIsHidden) {
  constexpr int64_t kWidth = 3;
  const KvTables tables{{{1}, {0}}};
  const Batch batch{.tokens = {0}, .positions = {1}, .sequences = {0}, .logit_rows = {}};
  Tensor keys = bench_.zeros({2 * kKvBlock, 1, kWidth});
  Tensor values = bench_.zeros(keys.shape);
  // All bits set is a NaN in f32 and in f16.
  for (const Tensor& pool : {keys, values}) {
    std::memset(pool.data, 0xff, static_cast<size_t>(pool.shape.elements()) * sizeof(float));
  }
  const Batch two{.tokens = {0, 0}, .positions = {0, 1}, .sequences = {0, 0}, .logit_rows = {}};
  const Tensor half = bench_.of({2, 1, kWidth}, std::vector<float>(2 * kWidth, 0.5F));
  ops_.kv_store({Point::attn_k_cache, 0}, half, two, tables, keys);
  ops_.kv_store({Point::attn_v_cache, 0}, half, two, tables, values);
  const KvView view{{keys, values}, &tables};

  const Tensor q = bench_.of({1, 1, kWidth}, {1, 2, 3});
  Tensor s = bench_.zeros({1, 1, 4});
  ops_.attention_scores(kAnywhere, q, view, batch, 1.0F, s);
  expect_same_bits(s, bench_.of({1, 1, 4}, {3, 3, -kInf, -kInf}));
  ops_.softmax(kAnywhere, s, s);
  Tensor y = bench_.zeros({1, 1, kWidth});
  ops_.attention_mix(kAnywhere, s, view, batch, y);
  expect_same_bits(y, bench_.of({1, 1, kWidth}, {0.5F, 0.5F, 0.5F}));
}

TEST_P(OpEdges, OutputMayBeTheInput) {
  const TestWeight& w = bench_.weight_of(1, 6, {1, 2, 3, 4, 5, 6});
  const TestWeight& bias = bench_.weight_of(1, 12, std::vector<float>(12, 0.5F));
  const Rope rope{.pairs = RopePairs::adjacent, .n_rot = 4, .frequency = {1, 0.1}, .magnitude = 1};
  const Rope halves{.pairs = RopePairs::halves, .n_rot = 4, .frequency = {1, 0.1}, .magnitude = 1};
  const std::array<int32_t, 2> positions = {3, 8};
  const std::function<void(const Tensor&, Tensor&)> calls[] = {
      [&](const Tensor& x, Tensor& y) { ops_.rmsnorm(kAnywhere, x, w.weight, 1e-5F, y); },
      [&](const Tensor& x, Tensor& y) { ops_.add_bias(kAnywhere, x, bias.weight, y); },
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

TEST_P(OpEdges, SecondOperandMayBeTheOutput) {
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
TEST_P(OpEdges, NoRowsIsNoWork) {
  const TestWeight& w = bench_.weight_of(2, 2, {1, 2, 3, 4});
  Tensor x = bench_.zeros({0, 2});
  Tensor y = bench_.zeros({0, 2});
  ops_.take_rows(kAnywhere, bench_.random({3, 2}), {}, y);
  ops_.matmul(kAnywhere, x, w.weight, y);
  ops_.add(kAnywhere, x, x, y);
  EXPECT_TRUE(ops_.device().finish().ok());
}

std::string ops_name(const testing::TestParamInfo<OpsUnderTest>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(On, OpEdges, testing::ValuesIn(ops_under_test()), ops_name);

}  // namespace
}  // namespace kilter
