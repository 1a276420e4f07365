// What stands beside the search: token ids, weights, patterns of errors, the outcome.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "analysis/diagnose/findings.h"
#include "analysis/diagnose/outcome.h"
#include "analysis/diagnose/pattern.h"
#include "analysis/diagnose/token_ids.h"
#include "engine_run.h"

namespace kilter::analysis {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr SpecialIds kSpecial{.bos = 1, .eos = 2};

using Ids = std::vector<int32_t>;

// The finding about those ids; empty where there is none.
Finding ids_finding(const Ids& right, const Ids& theirs, SpecialIds special = kSpecial) {
  Diagnosis d;
  d.findings.push_back({});
  d.findings[0].bug = "another";
  add_token_ids(right, theirs, special, d);
  if (d.findings.size() == 1) return {};
  EXPECT_EQ(d.outcome, Outcome::bug);
  EXPECT_EQ(d.findings[1].bug, "another") << "ids come first";
  return d.findings[0];
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(TokenIds, SaysWhatBecameOfTheIds) {
  EXPECT_EQ(ids_finding({1, 10, 11}, {1, 10, 11}).bug, "");
  EXPECT_EQ(ids_finding({1, 10, 11}, {10, 11}).bug, "bos-missing");
  EXPECT_EQ(ids_finding({1, 10, 11}, {1, 1, 10, 11}).bug, "bos-twice");
  EXPECT_TRUE(has(ids_finding({1, 10, 11}, {1, 10, 11, 2}).cause, "end-of-sequence"));
  EXPECT_TRUE(has(ids_finding({1, 10, 11}, {1, 99, 11}).cause, "first word"));
  EXPECT_TRUE(has(ids_finding({1, 10, 11}, {1, 5, 6, 7, 11}).cause, "more tokens"));
  EXPECT_EQ(ids_finding({1, 10, 11, 12}, {1, 99, 98, 97}).cause,
            "The engine turns the text into other tokens.");
}

// A vocabulary without BOS: a first id too few is no missing BOS.
TEST(TokenIds, WithoutSpecialIds) {
  EXPECT_EQ(ids_finding({1, 10, 11}, {10, 11}, {}).bug, "token-ids");
  EXPECT_EQ(ids_finding({10}, {}, {}).bug, "token-ids");
}

TEST(TokenIds, ShowsBothLists) {
  const Finding f = ids_finding({1, 450, 7}, {450, 7});
  EXPECT_TRUE(has(f.detail, "1 450 7")) << f.detail;
  EXPECT_TRUE(has(f.detail, "ran on 450 7")) << f.detail;
  EXPECT_EQ(f.page, "docs/bugs/bos-missing.md");
}

// A weight of 3 rows of 4, and what a dump shows of it.
class DumpedWeights : public testing::Test {
 protected:
  DumpedWeights() {
    weight_.name = "w";
    weight_.rows = 3;
    weight_.cols = 4;
    weight_.bytes = std::as_bytes(std::span(numbers_));
    model_.weight = [this](std::string_view name) { return name == "w" ? &weight_ : nullptr; };
  }

  Diagnosis diagnose(std::vector<float> seen, int64_t first_row, int64_t rows,
                     std::vector<uint8_t> known = {}) const {
    Dump dump;
    ObservedWeight w;
    w.tensor = tensor_;
    w.first_row = first_row;
    w.rows = rows;
    w.cols = 4;
    w.source = "their w";
    w.load = [=]() -> Result<Elements> { return Elements{seen, known}; };
    dump.weights.push_back(std::move(w));
    Diagnosis d;
    EXPECT_TRUE(add_weights(model_, dump, {}, d).ok());
    return d;
  }

  std::vector<float> numbers_ = {1, 2, 3, 4, 0.1F, 0.2F, 0.3F, 0.4F, -1, -2, -3, -4};
  std::string tensor_ = "w";
  Weight weight_;
  ReplayModel model_;
};

TEST_F(DumpedWeights, Equal) {
  const Diagnosis d = diagnose({0.1F, 0.2F, 0.3F, 0.4F}, 1, 1);
  ASSERT_EQ(d.weights.size(), 1U);
  EXPECT_TRUE(d.weights[0].equal);
  EXPECT_EQ(d.weights[0].elements, 4);
  EXPECT_TRUE(d.findings.empty());
}

TEST_F(DumpedWeights, KeptInBf16) {
  // Worked out from the bits: 0.1 is 3dcccccd, 0.2 3e4ccccd, 0.3 3e99999a, 0.4 3ecccccd.
  std::vector<float> bf16;
  for (const uint32_t bits : {0x3dcd0000U, 0x3e4d0000U, 0x3e9a0000U, 0x3ecd0000U}) {
    bf16.push_back(std::bit_cast<float>(bits));
  }
  const Diagnosis d = diagnose(bf16, 1, 1);
  EXPECT_FALSE(d.weights.at(0).equal);
  EXPECT_EQ(d.weights[0].explanation, "stored in bf16");
  EXPECT_EQ(d.weights[0].wrong, 4);
  EXPECT_TRUE(d.findings.empty());
}

TEST_F(DumpedWeights, WrongRows) {
  const Diagnosis d = diagnose({1, 2, 3, 5, 0.1F, 0.2F, 0.3F, 0.5F}, 0, 2);
  EXPECT_EQ(d.weights.at(0).wrong, 2);
  ASSERT_EQ(d.findings.size(), 1U);
  EXPECT_EQ(d.findings[0].bug, "");
  EXPECT_EQ(d.findings[0].weights, std::vector<std::string>{"w"});
  EXPECT_TRUE(has(d.findings[0].evidence, "2 of 8"));
  EXPECT_TRUE(diagnose({1, 2, 3, 5}, 0, 1, {1, 1, 1, 0}).weights.at(0).equal) << "the wrong one is not known";
}

TEST_F(DumpedWeights, ThatTheModelLacks) {
  for (const auto& [tensor, row, rows] :
       {std::tuple("v", 0, 1), std::tuple("w", 2, 2), std::tuple("w", -1, 1), std::tuple("w", 0, 2)}) {
    tensor_ = tensor;
    // Two rows are said and one is there, or they lie outside.
    const Diagnosis d = diagnose({1, 2, 3, 4}, row, rows);
    EXPECT_TRUE(d.weights.empty()) << tensor << row;
    ASSERT_EQ(d.notes.size(), 1U) << tensor << row;
    EXPECT_EQ(d.notes[0].subject, "their w");
  }
}

// Patterns of two tokens of two heads of two numbers.
std::vector<std::string> patterns(const std::vector<float>& seen) {
  const std::vector<float> right = {1, 2, 3, 4, 5, 6, 7, 8.5F};
  const std::vector<int32_t> rows = {0, 1};
  Observed o;
  o.at = at(0, Point::attn_q);
  o.rows = rows;
  o.shape = {2, 2};
  const SeenValue value{&o, {seen, {}}};
  const ErrorBounds bounds{std::vector<double>(8, 1e-6), std::vector<double>(8, 1e-6)};
  return error_patterns(value, right, score_of({o, value.elements, right, rows, bounds}));
}

bool says(const std::vector<std::string>& sentences, std::string_view part) {
  return std::any_of(sentences.begin(), sentences.end(), [&](const std::string& s) { return has(s, part); });
}

TEST(Patterns, NameWhatErrorsHaveInCommon) {
  const auto one_token = patterns({1, 2, 3, 4, 6, 7, 8, 9});
  EXPECT_TRUE(says(one_token, "wrong for 1 of 2 tokens: 1"));
  EXPECT_FALSE(says(one_token, "heads"));
  EXPECT_TRUE(says(patterns({0, 9, 3, 4, 0.5F, 9, 7, 8.5F}), "1 of 2 heads are wrong: 0"));
  EXPECT_TRUE(says(patterns({8, 16, 24, 32, 40, 48, 56, 68}), "every number is 8 times the right one"));
  EXPECT_TRUE(says(patterns({2, 1, 4, 3, 8.5F, 5, 6, 7}), "right numbers in another order"));
  EXPECT_FALSE(says(patterns({2, 1, 4, 3, 8, 5, 6, 7}), "another order"));
  EXPECT_TRUE(says(patterns({kNan, 2, 3, 4, 5, 6, 7, 8.5F}), "1 of 8 numbers are NaN"));
  EXPECT_TRUE(says(patterns({0, 0, 3, 4, 5, 6, 7, 8.5F}), "2 of 8 numbers are zero"));
  EXPECT_TRUE(says(patterns({1.0001F, 2, 3, 4, 5, 6, 7, 8.5F}), "nearly right"));
  EXPECT_FALSE(says(patterns({8, 16, 24, 32, 40, 48, 56, 68}), "tokens")) << "all of them are wrong";
}

TEST(Patterns, NothingWhereSizesDisagree) {
  Observed o;
  o.rows = {0};
  o.shape = {2};
  EXPECT_TRUE(error_patterns({&o, {{1, 2}, {}}}, std::vector<float>{1, 2, 3}, Score()).empty());
}

Outcome outcome_of(std::vector<ValueVerdict> verdicts, bool finding = false, bool equal_weights = true) {
  Diagnosis d;
  for (const ValueVerdict verdict : verdicts) {
    d.values.emplace_back();
    d.values.back().verdict = verdict;
  }
  d.coverage.elements = static_cast<int64_t>(verdicts.size());
  if (finding) d.findings.emplace_back();
  d.weights.emplace_back();
  d.weights[0].equal = equal_weights;
  conclude(d);
  return d.outcome;
}

TEST(OutcomeOf, TheWorstThatWasSeen) {
  using V = ValueVerdict;
  EXPECT_EQ(outcome_of({}), Outcome::nothing_compared);
  EXPECT_EQ(outcome_of({V::exact, V::within}), Outcome::clean);
  EXPECT_EQ(outcome_of({V::exact}, false, false), Outcome::explained) << "weights were rounded";
  EXPECT_EQ(outcome_of({V::exact, V::explained}), Outcome::explained);
  EXPECT_EQ(outcome_of({V::explained, V::doubtful}), Outcome::undecided);
  EXPECT_EQ(outcome_of({V::explained, V::doubtful, V::bug}, true), Outcome::bug);
  EXPECT_EQ(outcome_of({}, true), Outcome::bug);
}

// Right logits 1 and 4, bounds of a quarter each: the gap of 3 is six times what both may be off.
TEST(Tops, ByHand) {
  Observed o;
  o.rows = {3, 4};
  o.shape = {3};
  const SeenValue logits{&o, {{9, 9, 9, 0, 5, kNan}, {}}};
  const std::vector<float> right = {0, 0, 0, 7, 7, 7, 4, 1, 2};
  const std::vector<int32_t> rows = {2, 3, 4};
  const ErrorBounds bounds{std::vector<double>(9, 0.25), std::vector<double>(9, 0.25)};
  Diagnosis d;
  add_tops(logits, right, rows, bounds, d);
  EXPECT_EQ(d.their_top, 1);
  EXPECT_EQ(d.right_top, 0);
  EXPECT_DOUBLE_EQ(d.top_gap, 6);
}

TEST(Tops, NotWhereLogitsAreKnownInPart) {
  Observed o;
  o.rows = {0};
  o.shape = {2};
  const ErrorBounds bounds{std::vector<double>(2, 1), std::vector<double>(2, 1)};
  Diagnosis d;
  add_tops({&o, {{1, 2}, {1, 0}}}, std::vector<float>{1, 2}, std::vector<int32_t>{0}, bounds, d);
  EXPECT_EQ(d.their_top, -1);
}

TEST(Findings, AnExcludedLayerIsNotBelieved) {
  const SmallRun run;
  const Node* const first = run.graph().find(at(0, Point::attn_q_rope));
  const Node* const second = run.graph().find(at(1, Point::attn_q_rope));
  BugRun right;
  std::vector<float> wrong = right.right(first->at);
  const std::vector<Trial> trials = right.trials(bug_named("rope-pairs"), first->at, wrong);
  ASSERT_FALSE(trials.empty());
  Candidate candidate;
  candidate.bug = &bug_named("rope-pairs");
  candidate.trial = trials[0];
  Findings findings;
  findings.add(first->at, candidate, {}, {});
  const Node* const segment[] = {second};
  EXPECT_EQ(findings.touching(segment), std::vector<size_t>{0});
  EXPECT_TRUE(findings.belief_without(segment).scenario.mutations.empty());
  findings.exclude(0, segment);
  EXPECT_TRUE(findings.touching(segment).empty());
  const auto mutations = findings.belief_without(segment).scenario.mutations;
  ASSERT_EQ(mutations.size(), 1U);
  EXPECT_TRUE(mutations[0]->changes(*first));
  EXPECT_FALSE(mutations[0]->changes(*second));
  EXPECT_TRUE(findings.belief_but(0).scenario.mutations.empty());
  findings.confirm(0, second->at);
  findings.confirm(0, second->at);
  EXPECT_EQ(findings.all()[0].at, (std::vector<At>{first->at, second->at})) << "each value once";
}

TEST(Findings, PlaceInWords) {
  EXPECT_EQ(place_text({1, 17, 0.31, -0.62, 2e-7}),
            "token 1, element 17: seen 0.31, expected -0.62, where 2e-07 is what f32 may be off");
  EXPECT_TRUE(has(place_text({-1, -1, 3, 4, 1}), "the sum that was printed: 3, expected 4"));
}

}  // namespace
}  // namespace kilter::analysis
