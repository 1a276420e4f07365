#include "numerics/stats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace kilter {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Stats, DescribesFiniteNumbers) {
  const Stats s = stats_of(std::vector<float>{3, -4, 0, 5});
  EXPECT_EQ(s.count, 4);
  EXPECT_EQ(s.n_finite, 4);
  EXPECT_EQ(s.min, -4);
  EXPECT_EQ(s.max, 5);
  EXPECT_EQ(s.mean, 1);
  EXPECT_EQ(s.rms, std::sqrt(12.5));  // (9 + 16 + 0 + 25) / 4
}

TEST(Stats, CountsTheOthersAndLeavesThemOut) {
  const Stats s = stats_of(std::vector<float>{kNan, 1, kInf, -kInf, 3, -kInf, -kNan, kNan});
  EXPECT_EQ(s.count, 8);
  EXPECT_EQ(s.n_nan, 3);
  EXPECT_EQ(s.n_pos_inf, 1);
  EXPECT_EQ(s.n_neg_inf, 2);
  EXPECT_EQ(s.n_finite, 2);
  EXPECT_EQ(s.min, 1);
  EXPECT_EQ(s.max, 3);
  EXPECT_EQ(s.mean, 2);
  EXPECT_EQ(s.rms, std::sqrt(5.0));
}

TEST(Stats, HasNoMeanOfNothing) {
  for (const std::vector<float>& values : {std::vector<float>{}, std::vector<float>{kInf}}) {
    const Stats s = stats_of(values);
    EXPECT_EQ(s.n_finite, 0);
    EXPECT_TRUE(std::isnan(s.min) && std::isnan(s.max) && std::isnan(s.mean) && std::isnan(s.rms));
  }
}

TEST(Stats, DoesNotOverflow) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  const Stats s = stats_of(std::vector<float>{kLargest, kLargest});
  EXPECT_EQ(s.mean, kLargest);
  EXPECT_EQ(s.rms, kLargest);
}

TEST(Stats, ShowsBothEndsOnce) {
  using Floats = std::vector<float>;
  EXPECT_EQ(stats_of(Floats{}).first, Floats{});
  EXPECT_EQ(stats_of(Floats{1, 2}).first, (Floats{1, 2}));
  EXPECT_EQ(stats_of(Floats{1, 2}).last, Floats{});
  EXPECT_EQ(stats_of(Floats{1, 2, 3, 4}).last, Floats{4});
  EXPECT_EQ(stats_of(Floats{1, 2, 3, 4, 5, 6, 7}).first, (Floats{1, 2, 3}));
  EXPECT_EQ(stats_of(Floats{1, 2, 3, 4, 5, 6, 7}).last, (Floats{5, 6, 7}));
}

}  // namespace
}  // namespace kilter
