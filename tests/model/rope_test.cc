// Frequencies against values worked out by hand and with Python from the formulas of the papers.
#include "model/rope.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kilter {
namespace {

RopeConfig plain() {
  RopeConfig c;
  c.dimension_count = 8;
  c.freq_base = 10000;
  return c;
}

// pow, log and a few products: each within 2 ULP.
void expect_close(double value, double expected) {
  EXPECT_NEAR(value, expected, 8 * 0x1p-53 * std::abs(expected));
}

TEST(Rope, PlainFrequenciesAreAGeometricSeries) {
  const Rope rope = make_rope(plain(), RopePairs::adjacent, {});
  ASSERT_EQ(rope.frequency.size(), 4U);
  const double expected[] = {1.0, 0.1, 0.01, 0.001};
  for (size_t i = 0; i < 4; ++i) expect_close(rope.frequency[i], expected[i]);
  EXPECT_EQ(rope.magnitude, 1.0);
}

TEST(Rope, LinearDividesAllFrequencies) {
  RopeConfig c = plain();
  c.scaling = RopeScaling::linear;
  c.factor = 4;
  const Rope rope = make_rope(c, RopePairs::halves, {});
  expect_close(rope.frequency[0], 0.25);
  expect_close(rope.frequency[3], 0.00025);
  EXPECT_EQ(rope.magnitude, 1.0);
}

TEST(Rope, NoneIgnoresTheFactor) {
  RopeConfig c = plain();
  c.factor = 4;
  expect_close(make_rope(c, RopePairs::adjacent, {}).frequency[1], 0.1);
}

TEST(Rope, FactorsDivideEachFrequency) {
  const std::vector<float> factors = {1, 2, 4, 8};
  const Rope rope = make_rope(plain(), RopePairs::adjacent, factors);
  const double expected[] = {1.0, 0.05, 0.0025, 0.000125};
  for (size_t i = 0; i < 4; ++i) expect_close(rope.frequency[i], expected[i]);
}

// n_rot 64, base 10000, original context 2048, factor 4:
//   pair_with_rotations(32) = 64 ln(2048 / (32 * 2 pi)) / (2 ln 10000) = 8.0640... -> low = 8
//   pair_with_rotations(1)  = 64 ln(2048 / (2 pi)) / (2 ln 10000) = 20.1052... -> high = 21
TEST(Rope, YarnKeepsShortWavesStretchesLongOnesAndRampsBetween) {
  RopeConfig c = plain();
  c.dimension_count = 64;
  c.scaling = RopeScaling::yarn;
  c.factor = 4;
  c.original_context_length = 2048;
  const Rope rope = make_rope(c, RopePairs::adjacent, {});
  const auto base = [](int i) { return std::pow(10000.0, -2.0 * i / 64); };
  expect_close(rope.frequency[0], base(0));
  expect_close(rope.frequency[8], base(8));
  expect_close(rope.frequency[21], base(21) / 4);
  expect_close(rope.frequency[31], base(31) / 4);
  const double share = 1 - 5.0 / 13.0;  // pair 13: (13 - 8) / (21 - 8) of the way
  expect_close(rope.frequency[13], base(13) * (share + (1 - share) / 4));
  expect_close(rope.magnitude, 1.1386294361119891);  // 1 + 0.1 ln 4
}

TEST(Rope, YarnMagnitudeMayBeStated) {
  RopeConfig c = plain();
  c.scaling = RopeScaling::yarn;
  c.factor = 4;
  c.original_context_length = 2048;
  c.yarn_attn_factor = 1.25;
  c.attn_factor = 2;
  EXPECT_EQ(make_rope(c, RopePairs::adjacent, {}).magnitude, 2.5);
}

}  // namespace
}  // namespace kilter
