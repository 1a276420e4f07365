// Values computed again from a dump's own numbers, against those of the forward pass.
#include "analysis/replay/replay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "analysis/diagnose/scoped_mutation.h"
#include "engine_run.h"

namespace kilter::analysis {
namespace {

const At kQuery = at(0, Point::attn_q);
const At kResidual = at(0, Point::attn_residual);

// The value, and twice of it.
class Doubled final : public Mutation {
 public:
  explicit Doubled(Point point, float factor = 2) : point_(point), factor_(factor) {}
  bool changes(const Node& node) const override { return node.at.point == point_; }
  Result<std::vector<float>> compute(const Node& node, ReplayView& view) const override {
    KILTER_ASSIGN(std::vector<float> y, view.run(node));
    for (float& v : y) v *= factor_;
    return y;
  }

 private:
  Point point_;
  float factor_;
};

// Results of silu are handed on as whole numbers.
class WholeNumbers final : public Rounding {
 public:
  bool touches(const Node& node) const override { return node.op == "silu"; }
  void round_result(const Node&, std::span<float> y) const override {
    for (float& v : y) v = std::nearbyint(v);
  }
};

Scenario doubled(Point point, float factor = 2) {
  return {{std::make_shared<const Doubled>(point, factor)}, {}};
}

std::vector<float> times(std::vector<float> x, float factor) {
  for (float& v : x) v *= factor;
  return x;
}

// An f32 product is the exact one rounded once.
std::vector<float> product(const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<float> y(a.size());
  std::transform(a.begin(), a.end(), b.begin(), y.begin(), std::multiplies<>());
  return y;
}

std::vector<std::string> names_of(const std::vector<const Node*>& segment) {
  std::vector<std::string> names;
  for (const Node* node : segment) names.push_back(to_string(node->at));
  return names;
}

class ReplayTest : public testing::Test {
 protected:
  ReplayTest() : dump_(run_.dump()) {}
  Replay& replay() {
    if (!replay_) replay_ = std::make_unique<Replay>(run_.ops(), run_.replay_model(), dump_);
    return *replay_;
  }
  std::vector<float> expected(At at, Inputs inputs, const Scenario& base = {}, const Scenario& trial = {}) {
    const auto y = replay().expected(at, base, trial, inputs);
    EXPECT_TRUE(y.ok()) << y.error().message();
    return y.ok() ? *y : std::vector<float>();
  }

  SmallRun run_;
  Dump dump_;
  std::unique_ptr<Replay> replay_;
};

// Three passes with a cache, and one batch of the replay: the same arithmetic in f64, the same bits. From the
// dump's numbers, which are the engine's wider ones rounded, some roundings more.
TEST_F(ReplayTest, EveryValueIsTheForwardPassOwn) {
  ASSERT_EQ(dump_.values.size(), run_.graph().nodes().size());
  for (const auto& [at, observed] : dump_.values) {
    EXPECT_EQ(expected(at, Inputs::computed), values_of(dump_, at)) << to_string(at);
    EXPECT_TRUE(same(expected(at, Inputs::dumped), values_of(dump_, at))) << to_string(at);
  }
}

TEST_F(ReplayTest, ReadsTheDumpsOwnNumbers) {
  std::vector<float> other = values_of(dump_, kResidual);
  for (float& v : other) v += 1;
  show(dump_, kResidual, other);
  const std::vector<float> down = values_of(dump_, at(0, Point::ffn_down));
  std::vector<float> sum(other.size());
  for (size_t i = 0; i < sum.size(); ++i) sum[i] = other[i] + down[i];
  const At out = at(0, Point::ffn_residual);
  EXPECT_EQ(expected(out, Inputs::dumped), sum);
  EXPECT_EQ(expected(out, Inputs::computed), values_of(dump_, out));
  const std::vector<float> right = values_of(run_.dump(), kResidual);
  EXPECT_TRUE(same(expected(kResidual, Inputs::dumped), right)) << "the value itself follows from its inputs";
}

TEST_F(ReplayTest, SegmentsEndAtWhatTheDumpHas) {
  const At scores = at(0, Point::attn_scores);
  EXPECT_EQ(names_of(replay().segment(scores, Inputs::dumped)),
            std::vector<std::string>{"blk.0.attn_scores"});
  replay_.reset();
  dump_.values.erase(at(0, Point::attn_k_cache));
  dump_.values.erase(at(0, Point::attn_k_rope));
  EXPECT_EQ(names_of(replay().segment(scores, Inputs::dumped)),
            (std::vector<std::string>{"blk.0.attn_k_rope", "blk.0.attn_k_cache", "blk.0.attn_scores"}));
  EXPECT_TRUE(same(expected(scores, Inputs::dumped), values_of(dump_, scores)));
  EXPECT_EQ(replay().segment(at(Point::logits), Inputs::computed).size(), run_.graph().nodes().size());
}

// Rounded for print: such numbers are compared, and nothing is computed from them.
TEST_F(ReplayTest, PrintedNumbersAreNoOperands) {
  dump_.values.at(kQuery).quantum = 1e-4;
  EXPECT_EQ(names_of(replay().segment(at(0, Point::attn_q_rope), Inputs::dumped)),
            (std::vector<std::string>{"blk.0.attn_q", "blk.0.attn_q_rope"}));
}

// A row that is known as a whole is read; one with a hole is computed.
TEST_F(ReplayTest, RowsWithHolesAreComputed) {
  const At up = at(0, Point::ffn_up);
  const At gated = at(0, Point::ffn_gated);
  const auto width = static_cast<size_t>(SmallModel::kFf);
  std::vector<float> other = times(values_of(dump_, up), 2);
  std::vector<uint8_t> known(other.size(), 1);
  known[2 * width + 3] = 0;
  show(dump_, up, other, known);
  const std::vector<float> right = expected(gated, Inputs::computed);
  const std::vector<float> got = expected(gated, Inputs::dumped);
  std::vector<float> want = product(values_of(dump_, at(0, Point::ffn_act)), other);
  std::copy_n(right.begin() + 2 * SmallModel::kFf, width, want.begin() + 2 * SmallModel::kFf);
  EXPECT_TRUE(same(got, want));
  EXPECT_FALSE(same(got, right));
}

TEST_F(ReplayTest, TheHeadIsMadeForTheRowsThatWereSeen) {
  keep_only(dump_, {at(Point::logits)});
  const std::vector<float> all = values_of(dump_, at(Point::logits));
  Observed& logits = dump_.values.at(at(Point::logits));
  logits.rows = {2, 5};
  std::vector<float> two(all.begin() + 2 * SmallModel::kVocab, all.begin() + 3 * SmallModel::kVocab);
  two.insert(two.end(), all.begin() + 5 * SmallModel::kVocab, all.end());
  show(dump_, at(Point::logits), two);
  const std::span<const int32_t> rows = replay().rows(at(Point::output_norm));
  EXPECT_EQ(std::vector<int32_t>(rows.begin(), rows.end()), (std::vector<int32_t>{2, 5}));
  EXPECT_EQ(replay().rows(at(0, Point::attn_q)).size(), 6U);
  EXPECT_EQ(expected(at(Point::logits), Inputs::dumped), two);
}

TEST_F(ReplayTest, OfAValueThatTheModelLacks) {
  const auto y = replay().expected(at(0, Point::attn_q_bias), {}, {}, Inputs::dumped);
  EXPECT_EQ(y.error().code, ErrorCode::usage);
}

// ffn_gated = ffn_act * ffn_up: twice the one is twice the product.
TEST_F(ReplayTest, AMutationChangesWhatFollows) {
  dump_.values.erase(at(0, Point::ffn_up));
  const At gated = at(0, Point::ffn_gated);
  const std::vector<float> right = expected(gated, Inputs::dumped);
  EXPECT_TRUE(same(right, values_of(dump_, gated)));
  EXPECT_TRUE(same(expected(gated, Inputs::dumped, {}, doubled(Point::ffn_up)), times(right, 2)));
  EXPECT_TRUE(same(expected(gated, Inputs::dumped, doubled(Point::ffn_up), {}), times(right, 2)));
  EXPECT_EQ(expected(gated, Inputs::dumped), right) << "a trial leaves nothing behind";
  const At gate = at(0, Point::ffn_gate);
  EXPECT_EQ(expected(gate, Inputs::dumped, {}, doubled(Point::ffn_up)), expected(gate, Inputs::dumped));
}

TEST_F(ReplayTest, TheLaterOfTwoMutationsCounts) {
  const At up = at(1, Point::ffn_up);
  const std::vector<float> right = expected(up, Inputs::dumped);
  EXPECT_EQ(expected(up, Inputs::dumped, doubled(Point::ffn_up, 4), doubled(Point::ffn_up, 8)),
            times(right, 8));
}

TEST_F(ReplayTest, AScopedMutationLeavesOutWhatIsExcluded) {
  const auto inner = std::make_shared<const Doubled>(Point::ffn_up);
  const Scenario scoped{
      {std::make_shared<const ScopedMutation>(inner, ScopedMutation::Values{at(0, Point::ffn_up)})}, {}};
  for (const auto& [il, factor] : {std::pair(0, 1.0F), std::pair(1, 2.0F)}) {
    const At up = at(il, Point::ffn_up);
    EXPECT_EQ(expected(up, Inputs::dumped, scoped), times(expected(up, Inputs::dumped), factor));
  }
}

// What is compared is not rounded; what later ops read is.
TEST_F(ReplayTest, ARoundingIsSeenByWhatFollows) {
  const At act = at(0, Point::ffn_act);
  const At gated = at(0, Point::ffn_gated);
  const Scenario whole{{}, {std::make_shared<const WholeNumbers>()}};
  EXPECT_TRUE(same(expected(act, Inputs::computed, {}, whole), values_of(dump_, act)));
  std::vector<float> rounded = values_of(dump_, act);
  for (float& v : rounded) v = std::nearbyint(v);
  const std::vector<float> up = values_of(dump_, at(0, Point::ffn_up));
  EXPECT_TRUE(same(expected(gated, Inputs::computed, {}, whole), product(rounded, up)));
  EXPECT_EQ(expected(gated, Inputs::dumped, {}, whole), product(values_of(dump_, act), up))
      << "the dump's are read";
}

TEST_F(ReplayTest, AViewKnowsTheRun) {
  ReplayView& view = replay().view(doubled(Point::ffn_up), Inputs::dumped);
  EXPECT_EQ(view.tokens().size(), 6U);
  EXPECT_EQ(view.tokens()[1], 14);
  EXPECT_EQ(view.passes().size(), 3U);
  EXPECT_EQ(view.mutations().size(), 1U);
  EXPECT_EQ(view.weight("blk.0.attn_q.weight")->rows, 32);
  EXPECT_EQ(view.weight("blk.7.attn_q.weight"), nullptr);
  // Position 0 turns nothing.
  const std::vector<int32_t> still(6, 0);
  const auto turned = view.run_rope(*run_.graph().find(at(0, Point::attn_q_rope)), still);
  ASSERT_TRUE(turned.ok());
  EXPECT_EQ(*turned, values_of(dump_, kQuery));
}

// Biases and head norms have ops of their own; a rope that turns a part of each head, in halves.
TEST(Replay, OfOtherShapes) {
  const SmallShape shapes[] = {
      {.biases = true, .head_norms = true},
      {.heads_kv = 4, .n_rot = 4, .pairs = RopePairs::halves, .magnitude = 1.25},
      {.heads_kv = 1, .rope_freqs = {1, 2, 4, 8}},
  };
  for (const SmallShape& shape : shapes) {
    SmallRun run(shape);
    const Dump dump = run.dump();
    Replay replay(run.ops(), run.replay_model(), dump);
    for (const auto& [at, observed] : dump.values) {
      const auto y = replay.expected(at, {}, {}, Inputs::computed);
      ASSERT_TRUE(y.ok()) << to_string(at);
      EXPECT_EQ(*y, values_of(dump, at)) << to_string(at);
    }
  }
}

}  // namespace
}  // namespace kilter::analysis
