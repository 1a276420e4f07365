#include "numerics/decision.h"

#include <gtest/gtest.h>

#include <limits>

namespace kilter {
namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;
using Ids = std::vector<int64_t>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Decision, AGapOfManyBounds) {
  const Decision d = decide(Floats{1, 5, 2}, Floats{1, 5.5F, 2}, Doubles{0.25, 0.5, 0.125}, 1);
  EXPECT_EQ(d.chosen, Ids{1});
  EXPECT_EQ(d.right, Ids{1});
  EXPECT_EQ(d.gap, 3.5);
  EXPECT_EQ(d.bound, 0.625);
  EXPECT_EQ(d.ratio, 5.6);
  EXPECT_EQ(d.choice(), Choice::same);
}

TEST(Decision, ASmallGapDecidesNothing) {
  const Decision d = decide(Floats{1, 5, 5.25F}, Floats{1, 5.5F, 5}, Doubles{1, 1, 1}, 1);
  EXPECT_EQ(d.ratio, 0.25);
  EXPECT_EQ(d.choice(), Choice::undecidable);
  // Nor where it came out right by luck.
  EXPECT_EQ(decide(Floats{1, 6, 5}, Floats{1, 5.5F, 5}, Doubles{1, 1, 1}, 1).choice(), Choice::undecidable);
}

TEST(Decision, AnotherTokenOverALargeGapIsABug) {
  const Decision d = decide(Floats{1, 2, 9}, Floats{1, 5.5F, 2}, Doubles{0.25, 0.25, 0.25}, 1);
  EXPECT_EQ(d.chosen, Ids{2});
  EXPECT_EQ(d.choice(), Choice::different);
}

// The nearest competitor is not the one with the smallest ratio: the third is, whose bound is large.
TEST(Decision, TheLeastCertainPairCounts) {
  const Decision d = decide(Floats{10, 9, 4}, Floats{10, 9, 4}, Doubles{0.125, 0.125, 23.875}, 1);
  EXPECT_EQ(d.gap, 6);
  EXPECT_EQ(d.ratio, 0.25);
}

TEST(Decision, ASetHasNoOrder) {
  const Floats oracle{7, 1, 8, 2};
  const Decision d = decide(Floats{8.5F, 1, 8, 2}, oracle, Doubles{0.5, 0.5, 0.5, 0.5}, 2);
  EXPECT_EQ(d.chosen, (Ids{0, 2}));
  EXPECT_EQ(d.right, (Ids{2, 0}));
  EXPECT_EQ(d.gap, 5);
  EXPECT_EQ(d.choice(), Choice::same);
}

TEST(Decision, Edges) {
  const Doubles none{0, 0};
  EXPECT_EQ(decide(Floats{1, 1}, Floats{1, 1}, none, 1).choice(), Choice::undecidable);
  EXPECT_EQ(decide(Floats{1, 1}, Floats{1, 1}, none, 1).chosen, Ids{0});
  EXPECT_EQ(decide(Floats{1, 2}, Floats{1, 2}, none, 1).choice(), Choice::same);
  EXPECT_EQ(decide(Floats{1, 2}, Floats{1, 2}, none, 2).choice(), Choice::same);  // nothing is left out
  EXPECT_EQ(decide(Floats{1, 2}, Floats{1, 2}, Doubles{double{kNan}, 0}, 1).choice(), Choice::undecidable);
  EXPECT_EQ(decide(Floats{kNan, 2}, Floats{3, 2}, none, 1).choice(), Choice::different);
  EXPECT_EQ(decide(Floats{3, 2}, Floats{3, kNan}, none, 1).choice(), Choice::undecidable);
}

}  // namespace
}  // namespace kilter
