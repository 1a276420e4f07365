#include "backend/cpu/rope_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace kilter::cpu {
namespace {

// The claim of rope_table.h; long double has 64 bits of mantissa, so it is exact for this purpose.
TEST(Turn, IsWithinItsBoundOfTheExactValues) {
  constexpr long double kBound = 2.3e-16L;
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(-30, 30);
  for (int i = 0; i < 200'000; ++i) {
    const double angle = std::exp2(exponent(random)) * (i % 2 == 0 ? 1 : -1);
    const Turn turn = turn_of(angle);
    ASSERT_LE(std::abs(turn.cos - std::cos(static_cast<long double>(angle))), kBound) << angle;
    ASSERT_LE(std::abs(turn.sin - std::sin(static_cast<long double>(angle))), kBound) << angle;
  }
}

TEST(Turn, OfNothing) {
  EXPECT_EQ(turn_of(0).cos, 1);
  EXPECT_EQ(turn_of(0).sin, 0);
}

TEST(RopeTable, RoundsTheProductWithTheMagnitude) {
  const Rope rope{.pairs = RopePairs::halves, .n_rot = 4, .frequency = {1.0, 0.25}, .magnitude = 1.5};
  RopeTable table;
  table.prepare(std::vector<int32_t>{3, 100}, rope);
  EXPECT_EQ(table.cos(0)[0], static_cast<float>(1.5 * std::cos(3.0)));
  EXPECT_EQ(table.sin(1)[1], static_cast<float>(1.5 * std::sin(25.0)));
}

// Every layer asks again; another model or batch must not get the old rows.
TEST(RopeTable, NoticesWhatChanged) {
  Rope rope{.pairs = RopePairs::halves, .n_rot = 2, .frequency = {1.0}, .magnitude = 1};
  RopeTable table;
  const std::vector<int32_t> one = {1};
  table.prepare(one, rope);
  const float before = table.cos(0)[0];
  rope.frequency = {2.0};
  table.prepare(one, rope);
  EXPECT_NE(table.cos(0)[0], before);
  rope.magnitude = 2;
  table.prepare(one, rope);
  EXPECT_EQ(table.cos(0)[0], static_cast<float>(2 * std::cos(2.0)));
  table.prepare(std::vector<int32_t>{5}, rope);
  EXPECT_EQ(table.sin(0)[0], static_cast<float>(2 * std::sin(10.0)));
}

}  // namespace
}  // namespace kilter::cpu
