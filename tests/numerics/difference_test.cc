#include "numerics/difference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace kilter {
namespace {

using Floats = std::vector<float>;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kLargest = std::numeric_limits<float>::max();

TEST(Difference, OfEqualColumnsIsNone) {
  const Floats x = {1, -2, 0, kInf, 1e-40F};
  const Difference d = difference(x, x);
  EXPECT_EQ(d.count, 5);
  EXPECT_EQ(d.n_other_bits, 0);
  EXPECT_EQ(d.n_incomparable, 0);
  EXPECT_EQ(d.max_ulps, 0);
  EXPECT_EQ(d.max_abs, 0);
  EXPECT_EQ(d.max_abs_at, -1);
  EXPECT_EQ(d.rms, 0);
  EXPECT_EQ(d.nmse, 0);
  EXPECT_DOUBLE_EQ(d.cosine, 1);
}

// Worked by hand: errors 0, 1, -2, 0; sum of squares 5; want^2 = 9 + 16 + 0 + 0.
TEST(Difference, MeasuresWhatThePaperSays) {
  const Difference d = difference(Floats{3, 5, -2, 0}, Floats{3, 4, 0, 0});
  EXPECT_EQ(d.n_other_bits, 2);
  EXPECT_EQ(d.max_abs, 2);
  EXPECT_EQ(d.max_abs_at, 2);
  EXPECT_EQ(d.max_rel, 0.25);
  EXPECT_EQ(d.rms, std::sqrt(1.25));
  EXPECT_EQ(d.nmse, 0.2);
  EXPECT_EQ(d.cosine, 29.0 / (std::sqrt(38.0) * std::sqrt(25.0)));
  EXPECT_EQ(d.max_ulps, 0x40000000);  // from 0 to -2
}

TEST(Difference, SeesTheSignOfZeroInTheBitsOnly) {
  const Difference d = difference(Floats{0.0F}, Floats{-0.0F});
  EXPECT_EQ(d.n_other_bits, 1);
  EXPECT_EQ(d.max_abs, 0);
  EXPECT_EQ(d.cosine, 1);
}

TEST(Difference, CountsWhatCannotBeCompared) {
  const Difference d =
      difference(Floats{kNan, kNan, kInf, kInf, 1, 2}, Floats{kNan, 1, kInf, -kInf, kInf, 2});
  EXPECT_EQ(d.n_incomparable, 4);
  EXPECT_EQ(d.max_abs, 0);
  EXPECT_EQ(d.nmse, 0);
}

TEST(Difference, StaysFiniteForLargeNumbers) {
  const Difference d = difference(Floats{kLargest}, Floats{-kLargest});
  EXPECT_EQ(d.max_abs, 2 * double{kLargest});
  EXPECT_DOUBLE_EQ(d.nmse, 4);
  EXPECT_DOUBLE_EQ(d.cosine, -1);
}

TEST(Difference, SaysWhatZeroMeans) {
  EXPECT_EQ(difference(Floats{1}, Floats{0}).nmse, std::numeric_limits<double>::infinity());
  EXPECT_EQ(difference(Floats{1}, Floats{0}).cosine, 0);
  EXPECT_EQ(difference(Floats{}, Floats{}).cosine, 1);
}

// p = (1/2, 1/2), q = (1/4, 3/4): 1/2 ln(2) + 1/2 ln(2/3) = 1/2 ln(4/3). The logits are f32, so ln 3 is
// within 2^-24 of itself, relatively.
TEST(KlDivergence, IsWhatThePaperSays) {
  const float log3 = std::log(3.0F);
  EXPECT_NEAR(kl_divergence(Floats{5, 5 + log3}, Floats{7, 7}), 0.5 * std::log(4.0 / 3.0), 8 * 0x1p-24);
  EXPECT_EQ(kl_divergence(Floats{1, 2, 3}, Floats{1, 2, 3}), 0);
}

TEST(KlDivergence, DoesNotOverflowAndTakesMaskedTokens) {
  EXPECT_NEAR(kl_divergence(Floats{1e30F, 0}, Floats{1e30F, 0}), 0, 0);
  EXPECT_EQ(kl_divergence(Floats{0, -kInf}, Floats{0, -kInf}), 0);
  EXPECT_EQ(kl_divergence(Floats{0, -kInf}, Floats{0, 0}), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(kl_divergence(Floats{0, kNan}, Floats{0, 0})));
  EXPECT_TRUE(std::isnan(kl_divergence(Floats{kInf, 0}, Floats{0, 0})));
  EXPECT_TRUE(std::isnan(kl_divergence(Floats{-kInf}, Floats{-kInf})));
}

}  // namespace
}  // namespace kilter
