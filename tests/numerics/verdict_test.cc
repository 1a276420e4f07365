#include "numerics/verdict.h"

#include <gtest/gtest.h>

#include <limits>

namespace kilter {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr Bounds kBounds{.guaranteed = 0.5, .expected = 0.25};

TEST(Verdict, OneValue) {
  EXPECT_EQ(judge(3, 3, kBounds), Verdict::exact);
  EXPECT_EQ(judge(0.0F, -0.0F, kBounds), Verdict::exact);
  EXPECT_EQ(judge(3.25F, 3, kBounds), Verdict::within_guarantee);  // the bound itself is allowed
  EXPECT_EQ(judge(2.625F, 3, kBounds), Verdict::outside_expectation);
  EXPECT_EQ(judge(3.5F, 3, kBounds), Verdict::outside_expectation);
  EXPECT_EQ(judge(3.75F, 3, kBounds), Verdict::outside_guarantee);
  EXPECT_EQ(judge(3.0000002F, 3, {0, 0}), Verdict::outside_guarantee);
}

TEST(Verdict, WhatIsNoNumber) {
  EXPECT_EQ(judge(kNan, 3, kBounds), Verdict::outside_guarantee);
  EXPECT_EQ(judge(kInf, 3, kBounds), Verdict::outside_guarantee);
  EXPECT_EQ(judge(-kInf, kInf, kBounds), Verdict::outside_guarantee);
  EXPECT_EQ(judge(kInf, kInf, kBounds), Verdict::exact);
  EXPECT_EQ(judge(3, kNan, kBounds), Verdict::cannot_say);
  EXPECT_EQ(judge(kNan, kNan, kBounds), Verdict::cannot_say);
}

TEST(Verdict, ABoundThatSaysNothing) {
  for (const double bound : {double{kNan}, double{kInf}, -1.0}) {
    EXPECT_EQ(judge(4, 3, {bound, bound}), Verdict::cannot_say) << bound;
    EXPECT_EQ(judge(3, 3, {bound, bound}), Verdict::exact) << bound;
  }
}

TEST(Verdict, OnlyTwoOfThemPass) {
  EXPECT_TRUE(passes(Verdict::exact));
  EXPECT_TRUE(passes(Verdict::within_guarantee));
  EXPECT_FALSE(passes(Verdict::cannot_say));
  EXPECT_FALSE(passes(Verdict::outside_expectation));
  EXPECT_FALSE(passes(Verdict::outside_guarantee));
}

TEST(Margin, IsADistanceInBounds) {
  EXPECT_EQ(margin(3.25F, 3, 0.5), 0.5);
  EXPECT_EQ(margin(2, 3, 0.5), 2);
  EXPECT_EQ(margin(3, 3, 0), 0);
  EXPECT_EQ(margin(kInf, kInf, 1), 0);
  EXPECT_EQ(margin(4, 3, 0), double{kInf});
  EXPECT_EQ(margin(kNan, 3, 1), double{kInf});
}

TEST(Margins, OfNothingSayNothing) { EXPECT_EQ(Margins().verdict(), Verdict::cannot_say); }

TEST(Margins, TheWorstDecides) {
  Margins m;
  m.add(3, 3, kBounds);
  EXPECT_EQ(m.verdict(), Verdict::exact);
  EXPECT_EQ(m.worst_at, -1);
  m.add(3.125F, 3, kBounds);
  EXPECT_EQ(m.verdict(), Verdict::within_guarantee);
  m.add(kNan, kNan, kBounds);
  EXPECT_EQ(m.verdict(), Verdict::cannot_say);
  m.add(3.375F, 3, kBounds);
  EXPECT_EQ(m.verdict(), Verdict::outside_expectation);
  m.add(4, 3, kBounds);
  m.add(3.125F, 3, kBounds);
  EXPECT_EQ(m.verdict(), Verdict::outside_guarantee);
  EXPECT_EQ(m.elements, 6);
  EXPECT_EQ(m.exact, 1);
  EXPECT_EQ(m.cannot_say, 1);
  EXPECT_EQ(m.outside_expectation, 1);
  EXPECT_EQ(m.outside_guarantee, 1);
  EXPECT_EQ(m.worst, 2);
  EXPECT_EQ(m.worst_at, 4);
  EXPECT_EQ(m.worst_of_expected, 4);
  EXPECT_DOUBLE_EQ(m.share_outside(), 2.0 / 6);
}

TEST(Margins, AppendedAreAsAdded) {
  Margins a;
  a.add(3.125F, 3, kBounds);
  Margins b;
  b.add(3, 3, kBounds);
  b.add(3.25F, 3, kBounds);
  a.append(b);
  EXPECT_EQ(a.elements, 3);
  EXPECT_EQ(a.exact, 1);
  EXPECT_EQ(a.worst, 0.5);
  EXPECT_EQ(a.worst_at, 2);
  a.append(Margins());
  EXPECT_EQ(a.worst_at, 2);
}

}  // namespace
}  // namespace kilter
