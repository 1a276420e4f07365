// The bounds are violated by every kind of defect, in every format and mode; and the measures that people use
// accept many of them: printed as properties, so that nobody has to believe it.
#include <cmath>
#include <random>

#include "backend/reference/reference_ops.h"
#include "judged_products.h"
#include "observe/power_probe.h"

namespace kilter {
namespace {

// Enough columns for two blocks of activations, and two tokens: where one has next to nothing in a place, the
// other has something.
constexpr int64_t kTokens = 2, kCols = 512, kRows = 96;

std::vector<float> activations(uint32_t seed, int64_t n) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1);
  std::vector<float> x(static_cast<size_t>(n));
  std::generate(x.begin(), x.end(), [&] { return normal(random); });
  return x;
}

std::vector<DefectPower> powers_of(DType type, const JudgedMode& mode) {
  const RandomWeight w(1, type, kRows, kCols, 0.05);
  std::vector<float> x = activations(7, kTokens * w->cols);
  std::vector<float> y(static_cast<size_t>(kTokens * kRows));
  const std::unique_ptr<Ops> ops = ops_of(mode);
  reference::ReferenceOps oracle(1);
  PowerProbe probe(10);
  VerifyOptions options{.judging = {.arithmetic = mode.arithmetic}};
  options.on_judged = [&](const JudgedCall& judged) { probe.look_at(judged); };
  VerifyingOps verifying(*ops, oracle, std::move(options));
  Tensor to{y.data(), {kTokens, kRows}};
  verifying.matmul(at(Point::logits), {x.data(), {kTokens, w->cols}}, *w, to);
  EXPECT_TRUE(passes(verifying.all().verdict()));
  return probe.powers();
}

class DefectsCaught : public testing::TestWithParam<std::tuple<DType, JudgedMode>> {};

TEST_P(DefectsCaught, InAProduct) {
  const auto& [type, mode] = GetParam();
  for (const DefectPower& p : powers_of(type, mode)) {
    const std::string_view name = p.defect->name;
    RecordProperty(std::string(name), std::to_string(p.caught) + " of " + std::to_string(p.trials) +
                                          " caught; accepted by NMSE " + std::to_string(p.nmse_accepts) +
                                          ", by cosine " + std::to_string(p.cosine_accepts));
    const bool has_no_scale = name == "one block's scale off" && dtype_info(type).block_values == 1;
    EXPECT_EQ(p.trials == 0, has_no_scale) << name;
    EXPECT_TRUE(p.proven()) << name << ": " << p.caught << " of " << p.trials
                            << " caught; the largest missed is " << p.largest_missed << " of the output";
    EXPECT_TRUE(p.defect->reach != Reach::any_op || p.caught == 1) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, DefectsCaught,
                         testing::Combine(testing::ValuesIn(weight_types()), testing::ValuesIn(kJudgedModes)),
                         [](const auto& test) {
                           return std::string(dtype_info(std::get<0>(test.param)).name) + "_" +
                                  std::get<1>(test.param).name;
                         });

// The thresholds that people use see two kinds of nine.
TEST(UsualMeasures, AcceptMostOfTheDefects) {
  for (const DefectPower& p : powers_of(DType::q4_k, kJudgedModes[1])) {
    const bool gross = p.defect->name == "operand transposed" || p.defect->name == "rows off by one";
    EXPECT_EQ(p.cosine_accepts, gross ? 0 : p.trials) << p.defect->name;
  }
}

TEST(Defects, TheSameDrawIsTheSamePlace) {
  const RandomWeight w(1, DType::q4_k, 70, kCols, 0.05);
  const std::vector<float> x = activations(1, kCols);
  const std::vector<float> y(70);
  for (const Defect& defect : all_defects()) {
    if (defect.make == nullptr) continue;
    const Product product{x, *w, y};
    const double size = defect.sizes.front();
    const Defective once = defect.make(product, 3, size);
    EXPECT_EQ(defect.make(product, 3, size).values, once.values) << defect.name;
    EXPECT_NE(defect.make(product, 4, size).outputs, once.outputs) << defect.name;
    EXPECT_EQ(once.values.size(), once.outputs.size()) << defect.name;
    for (const int64_t o : once.outputs) EXPECT_TRUE(o >= 0 && o < 70) << defect.name;
  }
}

// An F32 weight of 2 x 3, whose numbers are those of a person.
TEST(Defects, AreWhatTheySay) {
  const std::vector<float> numbers = {1, 2, 3, 10, 20, 30};
  const Weight w{
      .name = "w", .type = DType::f32, .rows = 2, .cols = 3, .bytes = std::as_bytes(std::span(numbers))};
  const std::vector<float> x = {1, 0.5F, 4};
  const std::vector<float> y = {14, 140};  // 1 + 1 + 12
  const Product product{x, w, y};
  const auto made = [&](std::string_view name) {
    for (const Defect& d : all_defects()) {
      if (d.name == name) return d.make(product, 0, d.sizes.front());
    }
    ADD_FAILURE() << name;
    return Defective{};
  };
  EXPECT_EQ(made("last product dropped").values, (std::vector<float>{2, 20}));
  EXPECT_EQ(made("rows off by one").values, (std::vector<float>{140, 14}));
  // [3][2]: 1 2 / 3 10 / 20 30; its columns are 1 3 20 and 2 10 30.
  EXPECT_EQ(made("operand transposed").values, (std::vector<float>{1 + 1.5F + 80, 2 + 5 + 120}));
  EXPECT_EQ(made("sum kept in f16").values, y);  // small numbers
  const Defective swapped = made("two weights swapped");
  const float row = swapped.outputs[0] == 0 ? 1 : 10;
  // (2 1 3) gives 2 + 0.5 + 12, (1 3 2) gives 1 + 1.5 + 8.
  EXPECT_TRUE(swapped.values[0] == 14.5F * row || swapped.values[0] == 10.5F * row) << swapped.values[0];
}

TEST(Defects, ABlocksScale) {
  // Q8_0: a scale of 1/2 and the codes 0 1 2 ... 31.
  std::vector<std::byte> block(34);
  block[1] = std::byte{0x38};
  for (size_t i = 0; i < 32; ++i) block[i + 2] = static_cast<std::byte>(i);
  const Weight w{.name = "w", .type = DType::q8_0, .rows = 1, .cols = 32, .bytes = block};
  const std::vector<float> x(32, 1.0F);
  const std::vector<float> y = {248};  // 31 * 32 / 2 / 2
  for (const Defect& d : all_defects()) {
    if (d.name != "one block's scale off") continue;
    EXPECT_FLOAT_EQ(d.make({x, w, y}, 0, 0.02).values[0], 248 * 1.02F);
  }
}

TEST(RoundedTo, KeepsSoManyBits) {
  EXPECT_EQ(rounded_to(0x1.01p0, 8), 1.0F);       // a tie, to even
  EXPECT_EQ(rounded_to(0x1.03p0, 8), 0x1.04p0F);  // a tie, to even
  EXPECT_EQ(rounded_to(0x1.02p0, 8), 0x1.02p0F);
  EXPECT_EQ(rounded_to(-0x1.ffcp-20, 11), -0x1.ffcp-20F);
  EXPECT_EQ(rounded_to(-0x1.ffep-20, 11), -0x1p-19F);
  EXPECT_EQ(rounded_to(0, 8), 0);
  EXPECT_TRUE(std::isinf(rounded_to(INFINITY, 8)));
}

}  // namespace
}  // namespace kilter
