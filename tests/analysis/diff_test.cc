#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "analysis/diff/compare_dumps.h"

namespace kilter::analysis {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// A dump whose values have rows of two numbers.
class SmallDump {
 public:
  SmallDump(std::string path, std::vector<int32_t> tokens) {
    dump_.path = std::move(path);
    dump_.tokens = std::move(tokens);
  }
  SmallDump& with(At at, std::vector<float> values, std::vector<int32_t> rows,
                  std::vector<uint8_t> known = {}) {
    Observed o;
    o.at = at;
    o.rows = std::move(rows);
    o.shape = {static_cast<int64_t>(values.size() / o.rows.size())};
    o.load = [values, known]() -> Result<Elements> { return Elements{values, known}; };
    dump_.values[at] = std::move(o);
    return *this;
  }
  const Dump& operator*() const { return dump_; }
  Dump* operator->() { return &dump_; }

 private:
  Dump dump_;
};

const At kNorm = at(0, Point::attn_norm);
const At kQuery = at(0, Point::attn_q);
const At kLogits = at(Point::logits);

TEST(CompareDumps, RefusesOtherTokens) {
  const Result<DumpComparison> other =
      compare_dumps(*SmallDump("a.npz", {1, 450, 7}), *SmallDump("b.npz", {1, 9, 7}));
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::mismatch);
  for (const char* part : {"a.npz", "b.npz", "token 1", "450", "9"}) {
    EXPECT_NE(other.error().message().find(part), std::string::npos)
        << part << ": " << other.error().message();
  }
  const Result<DumpComparison> longer = compare_dumps(*SmallDump("a", {1, 2}), *SmallDump("b", {1, 2, 3}));
  ASSERT_FALSE(longer.ok());
  EXPECT_NE(longer.error().message().find("no token"), std::string::npos) << longer.error().message();
  EXPECT_TRUE(compare_dumps(*SmallDump("a", {1, 2}), *SmallDump("b", {1, 2})).ok());
}

TEST(CompareDumps, RefusesOtherSizes) {
  SmallDump a("a", {1});
  SmallDump b("b", {1});
  a.with(kQuery, {1, 2}, {0});
  b.with(kQuery, {1, 2, 3}, {0});
  const Result<DumpComparison> other = compare_dumps(*a, *b);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::mismatch);
  EXPECT_NE(other.error().message().find("blk.0.attn_q"), std::string::npos);
}

TEST(CompareDumps, NumbersByHand) {
  SmallDump a("a", {1, 2});
  SmallDump b("b", {1, 2});
  a.with(kNorm, {1, 2, 3, 4}, {0, 1});
  b.with(kNorm, {1, 2, 3, 4}, {0, 1});
  a.with(kQuery, {1, -2, 2, 0}, {0, 1});
  b.with(kQuery, {1, -2, 2, 0.5F}, {0, 1});
  a.with(kLogits, {1, 2}, {1});
  const Result<DumpComparison> c = compare_dumps(*a, *b);
  ASSERT_TRUE(c.ok());
  ASSERT_EQ(c->values.size(), 2U);
  EXPECT_EQ(c->values[0].at, kNorm);
  EXPECT_EQ(c->values[0].equal, 4);
  EXPECT_EQ(c->values[0].nmse, 0);
  EXPECT_DOUBLE_EQ(c->values[0].cosine, 1);
  const PairedValue& q = c->values[1];
  EXPECT_EQ(q.compared, 4);
  EXPECT_EQ(q.equal, 3);
  EXPECT_EQ(q.max_abs, 0.5);
  EXPECT_EQ(q.token, 1);
  EXPECT_EQ(q.element, 1);
  EXPECT_EQ(q.a, 0);
  EXPECT_EQ(q.b, 0.5);
  EXPECT_DOUBLE_EQ(q.nmse, 0.25 / 9);
  EXPECT_DOUBLE_EQ(q.cosine, 9 / std::sqrt(9 * 9.25));
  EXPECT_EQ(c->only_a, std::vector<At>{kLogits});
  EXPECT_TRUE(c->only_b.empty());
  EXPECT_EQ(c->first_different(), &c->values[1]);
}

// A relative error of 1e-5 is what f32 does; one of 1e-4 is not.
TEST(CompareDumps, FirstDifferentLeavesRoundingsOut) {
  for (const auto& [off, differs] : {std::pair(1e-5F, false), std::pair(1e-4F, true)}) {
    SmallDump a("a", {1});
    SmallDump b("b", {1});
    a.with(kNorm, {1, 1}, {0});
    b.with(kNorm, {1 + off, 1 + off}, {0});
    const Result<DumpComparison> c = compare_dumps(*a, *b);
    ASSERT_TRUE(c.ok());
    EXPECT_EQ(c->first_different() != nullptr, differs) << off;
  }
}

TEST(CompareDumps, ComparesWhatBothKnow) {
  SmallDump a("a", {1, 2, 3});
  SmallDump b("b", {1, 2, 3});
  a.with(kNorm, {1, 2, 3, 4}, {0, 2}, {1, 1, 1, 0});
  b.with(kNorm, {7, 7, 9, 4}, {1, 2}, {1, 1, 1, 1});
  const Result<DumpComparison> c = compare_dumps(*a, *b);
  ASSERT_TRUE(c.ok());
  ASSERT_EQ(c->values.size(), 1U);
  EXPECT_EQ(c->values[0].compared, 1) << "row 2, element 0";
  EXPECT_EQ(c->values[0].token, 2);
  EXPECT_EQ(c->values[0].max_abs, 6);
}

TEST(CompareDumps, NoNumbers) {
  SmallDump a("a", {1});
  SmallDump b("b", {1});
  a.with(kNorm, {kNan, -kInf}, {0});
  b.with(kNorm, {kNan, -kInf}, {0});
  a.with(kQuery, {kNan, 1}, {0});
  b.with(kQuery, {1, 1}, {0});
  const Result<DumpComparison> c = compare_dumps(*a, *b);
  ASSERT_TRUE(c.ok());
  EXPECT_EQ(c->values[0].max_abs, 0) << "both have none, or the same infinity";
  EXPECT_EQ(c->values[1].max_abs, HUGE_VAL);
  EXPECT_EQ(c->first_different(), &c->values[1]);
}

// An error of a dump's file is the comparison's.
TEST(CompareDumps, UnreadableDump) {
  SmallDump a("a", {1});
  SmallDump b("b", {1});
  a.with(kNorm, {1, 2}, {0});
  b.with(kNorm, {1, 2}, {0});
  b->values[kNorm].load = []() -> Result<Elements> { return Error{ErrorCode::io, "b", "is gone", ""}; };
  EXPECT_EQ(compare_dumps(*a, *b).error().code, ErrorCode::io);
}

}  // namespace
}  // namespace kilter::analysis
