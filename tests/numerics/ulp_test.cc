#include "numerics/ulp.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kilter {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kLeast = std::numeric_limits<float>::denorm_min();
constexpr float kLargest = std::numeric_limits<float>::max();

TEST(UlpDistance, CountsSteps) {
  for (const float x : {1.0F, -1.0F, 0x1p-126F, -0x1p-140F, 65504.0F, 0.1F}) {
    float y = x;
    for (int64_t steps = 0; steps < 5; ++steps, y = std::nextafter(y, kInf)) {
      EXPECT_EQ(ulp_distance(x, y), steps) << x;
      EXPECT_EQ(ulp_distance(y, x), steps) << x;
    }
  }
  EXPECT_EQ(ulp_distance(1.0F, 2.0F), 1 << 23);
}

TEST(UlpDistance, CrossesZeroAndReachesInfinity) {
  EXPECT_EQ(ulp_distance(0.0F, -0.0F), 0);
  EXPECT_EQ(ulp_distance(kLeast, -kLeast), 2);
  EXPECT_EQ(ulp_distance(kLargest, kInf), 1);
  EXPECT_EQ(ulp_distance(-kInf, kInf), 2 * int64_t{0x7f800000});
}

TEST(UlpDistance, KeepsNanApart) {
  EXPECT_EQ(ulp_distance(kNan, -kNan), 0);
  EXPECT_EQ(ulp_distance(kNan, 1.0F), kUlpsToNan);
  EXPECT_EQ(ulp_distance(kInf, kNan), kUlpsToNan);
}

}  // namespace
}  // namespace kilter
