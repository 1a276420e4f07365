// Roundings, bounds and scores: by hand, by bit tricks, and by ggml's own encoder.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "analysis/judge/activation_blocks.h"
#include "analysis/judge/benign.h"
#include "analysis/judge/expected_error.h"
#include "analysis/judge/float_rounding.h"
#include "analysis/judge/noise.h"
#include "analysis/judge/score.h"
#include "base/philox.h"
#include "op_bugs_support.h"
#include "quant/codec.h"

namespace kilter::analysis {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

Node node_of(At at, std::string_view op, const Weight* weight = nullptr) {
  Node node;
  node.at = at;
  node.op = op;
  node.weight = weight;
  return node;
}

// Numbers of both signs, of 2^-size to 2^size.
std::vector<float> numbers(size_t n, int size) {
  std::vector<float> x(n);
  for (size_t i = 0; i < n; ++i) {
    const double mantissa = 2 * philox_uniform(3, 2 * i) - 1;
    const double exponent = size * (2 * philox_uniform(3, 2 * i + 1) - 1);
    x[i] = static_cast<float>(mantissa * std::exp2(exponent));
  }
  return x;
}

// To nearest even, by adding half of what is cut off to the bits.
float cut(float x, int bits) {
  const auto u = std::bit_cast<uint32_t>(x);
  const uint32_t odd = (u >> bits) & 1U;
  const uint32_t mask = (uint32_t{1} << bits) - 1;
  return std::bit_cast<float>((u + (mask >> 1) + odd) & ~mask);
}

TEST(FloatRounding, ByHand) {
  EXPECT_EQ(round_to(kBf16, 1 + 0x1p-8F), 1.0F);             // a tie, to the even one below
  EXPECT_EQ(round_to(kBf16, 1 + 0x3p-8F), 1 + 0x1p-6F);      // a tie, to the even one above
  EXPECT_EQ(round_to(kBf16, -1 - 0x1.2p-8F), -1 - 0x1p-7F);  // beyond the middle
  EXPECT_EQ(round_to(kF16, 1 + 0x1p-11F), 1.0F);
  EXPECT_EQ(round_to(kF16, 2049), 2048.0F);
  EXPECT_EQ(round_to(kF16, 2051), 2052.0F);
  EXPECT_EQ(round_to(kF16, 0x1.8p-24F), 0x1p-23F);     // subnormal: multiples of 2^-24
  EXPECT_EQ(round_to(kTf32, 0x1.8p-24F), 0x1.8p-24F);  // with the exponents of f32 it is none
  EXPECT_EQ(round_to(kTf32, 1 + 0x3p-11F), 1 + 0x1p-9F);
  EXPECT_EQ(round_to(kBf16, kInf), kInf);
  EXPECT_TRUE(std::isnan(round_to(kF16, kNan)));
  EXPECT_EQ(step_of(kBf16, 3), 0x1p-6);
  EXPECT_EQ(step_of(kF16, 0), 0x1p-24);
}

TEST(FloatRounding, AsTheBitsOfF32Round) {
  for (const float x : numbers(20000, 120)) {
    ASSERT_EQ(round_to(kBf16, x), cut(x, 16)) << x;
    ASSERT_EQ(round_to(kTf32, x), cut(x, 13)) << x;
  }
}

// codec.h's F16 is checked against other programs in tests/quant.
TEST(FloatRounding, F16AsTheCodecRounds) {
  const std::vector<float> x = numbers(20000, 15);
  std::vector<std::byte> bytes(2 * x.size());
  std::vector<float> want(x.size());
  ASSERT_TRUE(quant::encode(DType::f16, x, bytes).ok());
  ASSERT_TRUE(quant::decode(DType::f16, bytes, want).ok());
  for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(round_to(kF16, x[i]), want[i]) << x[i];
}

TEST(ActivationBlocks, Q8_0AsGgmlEncodesIt) {
  std::vector<float> x = numbers(32 * 500, 4);
  std::fill(x.begin() + 64, x.begin() + 96, 0.0F);  // a block without a scale
  std::vector<std::byte> bytes(500 * 34);
  std::vector<float> want(x.size());
  ASSERT_TRUE(quant::encode(DType::q8_0, x, bytes).ok());
  ASSERT_TRUE(quant::decode(DType::q8_0, bytes, want).ok());
  for (const DType weights : {DType::q4_0, DType::q5_1, DType::q8_0}) {
    std::vector<float> got = x;
    round_in_blocks(activation_blocks(weights).value(), got);
    EXPECT_EQ(got, want);
  }
  std::vector<float> got = x;
  round_in_blocks(blocks_of_32(DType::q4_k).value(), got);
  EXPECT_EQ(got, want);
}

// Q8_K: the scale is -largest / 127 = -0.5, so ties go to even codes; Q8_0 would round them away from zero.
TEST(ActivationBlocks, Q8_KByHand) {
  std::vector<float> x(256, 0.0F);
  x[0] = 63.5F, x[1] = 0.25F, x[2] = 0.75F, x[3] = -0.3F, x[4] = -63.4F;
  std::vector<float> want(256, 0.0F);
  want[0] = 63.5F, want[1] = 0, want[2] = 1, want[3] = -0.5F, want[4] = -63.5F;
  round_in_blocks(activation_blocks(DType::q4_k).value(), x);
  EXPECT_EQ(x, want);
  std::vector<float> ties = {63.5F, 0.25F, 0.75F};
  round_in_blocks(activation_blocks(DType::q4_0).value(), ties);
  EXPECT_EQ(ties, (std::vector<float>{63.5F, 0.5F, 1}));
}

TEST(ActivationBlocks, NoneForPlainWeights) {
  for (const DType plain : {DType::f32, DType::f16, DType::bf16}) {
    EXPECT_FALSE(activation_blocks(plain) || blocks_of_32(plain) || fast_blocks(plain) ||
                 accurate_blocks(plain));
  }
  EXPECT_EQ(accurate_blocks(DType::q4_0)->codes, 32639);
  EXPECT_EQ(fast_blocks(DType::q4_0)->size, 256);
}

// The last block of a row may be short; the step is that of the block with the largest number.
TEST(ActivationBlocks, LargestStep) {
  std::vector<float> row(40, 1.0F);
  row[35] = -254;
  EXPECT_EQ(largest_step(blocks_of_32(DType::q4_0).value(), row), 2);
}

const Benign& benign(std::string_view id) {
  for (const auto& b : all_benign()) {
    if (b->id() == id) return *b;
  }
  ADD_FAILURE() << "no rounding " << id;
  return *all_benign()[0];
}

TEST(Benign, EachHasItsOwnNameAndASentence) {
  std::map<std::string_view, int> ids;
  for (const auto& b : all_benign()) {
    EXPECT_EQ(++ids[b->id()], 1) << b->id();
    EXPECT_FALSE(b->sentence().empty()) << b->id();
  }
}

TEST(Benign, StoredBf16) {
  const Node node = node_of(at(0, Point::ffn_act), "silu");
  std::vector<float> x = {1 + 0x1p-8F, 3.14159265F, -0.1F, 0};
  EXPECT_FALSE(benign("stored-bf16").could_give(node, x));
  std::vector<float> want = x;
  for (float& v : want) v = cut(v, 16);
  benign("stored-bf16").round_result(node, x);
  EXPECT_EQ(x, want);
  EXPECT_TRUE(benign("stored-bf16").could_give(node, x));
}

// Which ops are touched, by what the sentences say.
TEST(Benign, TouchesTheOpsItSpeaksOf) {
  Weight quantised{.name = "w", .type = DType::q4_0, .rows = 1, .cols = 32, .bytes = {}};
  Weight half{.name = "w", .type = DType::f16, .rows = 1, .cols = 32, .bytes = {}};
  const Node product = node_of(at(0, Point::attn_q), "matmul", &quantised);
  const Node short_product = node_of(at(0, Point::attn_q), "matmul", &half);
  const Node store = node_of(at(0, Point::attn_k_cache), "kv_store");
  const Node scores = node_of(at(0, Point::attn_scores), "attention_scores");
  const Node norm = node_of(at(0, Point::attn_norm), "rmsnorm");
  EXPECT_TRUE(benign("activations-q8").touches(product));
  EXPECT_FALSE(benign("activations-q8").touches(short_product));
  EXPECT_FALSE(benign("activations-as-weights").touches(product));
  EXPECT_TRUE(benign("activations-as-weights").touches(short_product));
  EXPECT_TRUE(benign("kv-f16").touches(store) && benign("kv-f16").touches(scores));
  EXPECT_FALSE(benign("kv-f16").touches(norm) || benign("kv-f16").touches(product));
  EXPECT_TRUE(benign("norm-cast-bf16").touches(norm));
  EXPECT_FALSE(benign("norm-cast-bf16").touches(product));
  std::vector<float> operand = {1 + 0x1p-11F};
  benign("kv-f16-alone").round_operand(scores, 0, operand, 1);
  EXPECT_EQ(operand[0], 1 + 0x1p-11F) << "queries are kept";
  benign("kv-f16").round_operand(scores, 0, operand, 1);
  EXPECT_EQ(operand[0], 1);
}

// Bounds of a small model's run, from its right values.
class Bounds : public testing::Test {
 protected:
  ErrorBounds of(At at) {
    WeightNorms norms;
    BoundContext context{run_.replay().view({}, Inputs::dumped), norms};
    Result<ErrorBounds> bounds = error_bounds(*run_.graph().find(at), run_.right(at), context);
    EXPECT_TRUE(bounds.ok());
    return bounds.ok() ? *bounds : ErrorBounds();
  }
  BugRun run_;
};

// expected: 6 sqrt(n) u |w||x| and two roundings; guaranteed: n u |w||x| and four times these.
TEST_F(Bounds, OfAProduct) {
  const At q = at(0, Point::attn_q);
  const ErrorBounds bounds = of(q);
  const Row& x = run_.right(at(0, Point::attn_norm));
  const Row& y = run_.right(q);
  const std::vector<float>& w = run_.model().numbers("blk.0.attn_q.weight");
  constexpr size_t kIn = SmallModel::kEmbd;
  const size_t n_out = w.size() / kIn;
  ASSERT_EQ(bounds.expected.size(), y.size());
  for (size_t i = 0; i < y.size(); ++i) {
    const auto row = std::span(w).subspan(i % n_out * kIn, kIn);
    const auto operand = std::span(x).subspan(i / n_out * kIn, kIn);
    const double size = std::sqrt(std::inner_product(row.begin(), row.end(), row.begin(), 0.0) *
                                  std::inner_product(operand.begin(), operand.end(), operand.begin(), 0.0));
    const double rounded = 2 * 0x1p-24 * std::abs(double{y[i]});
    // The test's own sums are in f64, of f32 products: a few times 2^-24 of relative error.
    EXPECT_NEAR(bounds.expected[i] / (6 * std::sqrt(24.0) * 0x1p-24 * size + rounded), 1, 1e-6);
    EXPECT_NEAR(bounds.guaranteed[i] / (24 * 0x1p-24 * size + 4 * rounded), 1, 1e-6);
  }
}

// A sum in f32, in two orders, is within both bounds; one wrong term is not.
TEST_F(Bounds, HoldForSumsInF32) {
  const At q = at(0, Point::attn_q);
  const ErrorBounds bounds = of(q);
  const Row& x = run_.right(at(0, Point::attn_norm));
  const Row& y = run_.right(q);
  const std::vector<float>& w = run_.model().numbers("blk.0.attn_q.weight");
  constexpr size_t kIn = SmallModel::kEmbd;
  const size_t n_out = w.size() / kIn;
  for (size_t i = 0; i < y.size(); ++i) {
    float up = 0;
    float down = 0;
    for (size_t j = 0; j < kIn; ++j) {
      up += w[i % n_out * kIn + j] * x[i / n_out * kIn + j];
      down += w[i % n_out * kIn + kIn - 1 - j] * x[i / n_out * kIn + kIn - 1 - j];
    }
    for (const float sum : {up, down}) {
      EXPECT_LE(std::abs(double{sum} - double{y[i]}), bounds.expected[i]);
      EXPECT_LE(std::abs(double{sum} - double{y[i]}), bounds.guaranteed[i]);
    }
    const float without_last = up - w[i % n_out * kIn + kIn - 1] * x[i / n_out * kIn + kIn - 1];
    EXPECT_GT(std::abs(double{without_last} - double{y[i]}), bounds.expected[i]);
  }
}

// Every op of the pass has a bound, finite and above zero, of about f32's precision.
TEST_F(Bounds, OfEveryOp) {
  for (const Node& node : run_.graph().nodes()) {
    const ErrorBounds bounds = of(node.at);
    const Row& y = run_.right(node.at);
    float largest = 0;
    for (const float v : y) largest = std::isfinite(v) ? std::max(largest, std::abs(v)) : largest;
    for (size_t i = 0; i < y.size(); ++i) {
      if (!std::isfinite(y[i])) continue;
      ASSERT_GT(bounds.expected[i], 0) << to_string(node.at);
      ASSERT_LT(bounds.expected[i], 1e-3 * double{largest}) << to_string(node.at);
    }
  }
}

TEST_F(Bounds, OfAnUnknownOp) {
  Node node = *run_.graph().find(at(0, Point::attn_q));
  node.op = "convolution";
  WeightNorms norms;
  BoundContext context{run_.replay().view({}, Inputs::dumped), norms};
  EXPECT_EQ(error_bounds(node, run_.right(node.at), context).error().code, ErrorCode::usage);
}

TEST(Noise, IsTheSameEveryTimeAndAsLargeAsSaid) {
  Weight w{.name = "w", .rows = 64, .cols = 16, .bytes = {}};
  const Node product = node_of(at(1, Point::ffn_up), "matmul", &w);
  const std::vector<float> y(1000, 1.0F);  // a root mean square of 1
  const double most = (6 * 4 + 8) * 0x1p-24;
  for (const auto& [size, times] :
       {std::pair(NoiseSize::plain, 1.0), std::pair(NoiseSize::amid_roundings, 32.0)}) {
    std::vector<float> a = y;
    std::vector<float> b = y;
    f32_noise(size)->round_result(product, a);
    f32_noise(size)->round_result(product, b);
    EXPECT_EQ(a, b);
    double largest = 0;
    double sum = 0;
    for (const float v : a) {
      largest = std::max(largest, std::abs(double{v} - 1));
      sum += double{v} - 1;
    }
    // Uniform in +-most: of 1000 the largest is near it, and the mean is within 6 deviations of 0. A result
    // is rounded to f32.
    EXPECT_LE(largest, times * most + 0x1p-24);
    EXPECT_GE(largest, 0.98 * times * most - 0x1p-24);
    EXPECT_LE(std::abs(sum / 1000), 6 * times * most / std::sqrt(3.0 * 1000));
  }
  const Node copy = node_of(at(Point::output_rows), "take_rows");
  EXPECT_FALSE(f32_noise(NoiseSize::plain)->touches(copy));
  EXPECT_TRUE(f32_noise(NoiseSize::plain)->touches(product));
}

// One row of four numbers, a bound of 0.25 each.
struct Scored {
  std::vector<float> seen = {1, 2, 3, 4};
  std::vector<float> expected = {1, 2, 3, 4};
  ErrorBounds bounds{std::vector<double>(4, 0.25), std::vector<double>(4, 0.5)};
  std::vector<int32_t> rows = {5};
  Observed observed;
  std::vector<uint8_t> known;

  Scored() {
    observed.at = at(0, Point::attn_norm);
    observed.rows = {5};
    observed.shape = {4};
  }
  Score score() const { return score_of({observed, {seen, known}, expected, rows, bounds}); }
};

TEST(Score, ByHand) {
  Scored s;
  s.seen[2] = 3.5F;
  const Score score = s.score();
  EXPECT_EQ(score.compared, 4);
  EXPECT_EQ(score.equal, 3);
  EXPECT_EQ(score.beyond, 1);
  EXPECT_EQ(score.margin, 2);
  EXPECT_EQ(score.guaranteed_margin, 1);
  EXPECT_FALSE(score.fits());
  EXPECT_DOUBLE_EQ(score.nmse, 0.25 / 30);
  EXPECT_DOUBLE_EQ(score.cosine, 31.5 / std::sqrt(33.25 * 30));
  EXPECT_DOUBLE_EQ(score.seen_rms, std::sqrt(33.25 / 4));
  EXPECT_DOUBLE_EQ(score.rms_margin, 1);
  EXPECT_EQ(score.worst.token, 5);
  EXPECT_EQ(score.worst.element, 2);
  EXPECT_EQ(score.worst.seen, 3.5);
  EXPECT_EQ(score.worst.expected, 3);
  EXPECT_EQ(score.histogram[0], 3);
  EXPECT_EQ(score.histogram[4], 1) << "of margins up to 10";
  EXPECT_EQ(score.spread, 0.25);
  EXPECT_EQ(score.row_margins, std::vector<double>{2});
}

// Errors of one number, and errors everywhere, however wide the bounds are.
TEST(Score, SpreadOfErrors) {
  for (const double bound : {0.25, 1e6}) {
    Scored s;
    s.bounds = {std::vector<double>(4, bound), std::vector<double>(4, bound)};
    s.seen[2] = 3.5F;
    EXPECT_EQ(s.score().spread, 0.25);
    s.seen = {1.5F, 1.5F, 3.5F, 4.25F};
    EXPECT_EQ(s.score().spread, 1);
  }
}

TEST(Score, OfTheRowsThatWereSeen) {
  Scored s;
  s.expected = {9, 9, 9, 9, 1, 2, 3, 4, 8, 8, 8, 8};
  s.rows = {4, 5, 6};
  s.bounds = {std::vector<double>(12, 0.25), std::vector<double>(12, 0.5)};
  EXPECT_EQ(s.score().equal, 4);
  EXPECT_TRUE(s.score().fits());
  s.observed.rows = {7};
  EXPECT_EQ(s.score().margin, HUGE_VAL);
  EXPECT_FALSE(s.score().fits());
}

TEST(Score, OfNumbersThatAreNone) {
  Scored s;
  s.seen[1] = kNan;
  EXPECT_EQ(s.score().margin, HUGE_VAL);
  EXPECT_EQ(s.score().histogram[10], 1);
  s.expected[1] = kNan;
  EXPECT_EQ(s.score().margin, 0);
  s.seen[0] = kInf;
  EXPECT_EQ(s.score().margin, HUGE_VAL);
}

// What may not be seen is -infinity; engines write -1e4 or less, or another number that is masked later.
TEST(Score, OfMaskedPlaces) {
  Scored s;
  s.expected[3] = -kInf;
  s.seen[3] = -3.4e38F;
  EXPECT_EQ(s.score().compared, 4);
  EXPECT_TRUE(s.score().fits());
  s.seen[3] = 0.7F;
  EXPECT_EQ(s.score().compared, 3);
  EXPECT_EQ(s.score().incomparable, 1);
  EXPECT_TRUE(s.score().fits());
}

TEST(Score, OfWhatIsKnown) {
  Scored s;
  s.seen = {1, 77, 3, -50};
  s.known = {1, 0, 1, 0};
  EXPECT_EQ(s.score().compared, 2);
  EXPECT_TRUE(s.score().fits());
  s.known = {0, 0, 0, 0};
  EXPECT_EQ(s.score().compared, 0);
  EXPECT_FALSE(s.score().fits()) << "nothing compared is no agreement";
}

// Printed with one decimal: off by 0.05 before anything is wrong.
TEST(Score, OfPrintedDecimals) {
  Scored s;
  s.bounds = {std::vector<double>(4, 0.01), std::vector<double>(4, 0.01)};
  s.observed.quantum = 0.1;
  s.seen[0] = 1.055F;
  EXPECT_NEAR(s.score().margin, 0.055 / 0.06, 1e-5);
  s.observed.quantum = 0;
  EXPECT_NEAR(s.score().margin, 5.5, 1e-4);
}

// The sum of the row is 10, and its bounds add up to 1.
TEST(Score, OfAPrintedSum) {
  Scored s;
  s.observed.checksums = {{.sum = 10.5, .first_row = 0, .rows = 1, .quantum = 0}};
  EXPECT_NEAR(s.score().checksum_margin, 0.5, 1e-5);
  EXPECT_TRUE(s.score().fits());
  s.observed.checksums[0].sum = 13;
  EXPECT_NEAR(s.score().margin, 3, 1e-4);
  EXPECT_EQ(s.score().worst.token, -1);
  EXPECT_FALSE(s.score().fits());
}

}  // namespace
}  // namespace kilter::analysis
