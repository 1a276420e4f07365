// Trials of weight bugs on whole runs: an engine with one wrong weight, and which entries explain its first
// wrong value. The engine is the forward pass over weights that the test spoils itself.
#include <cmath>
#include <numeric>
#include <set>

#include "../observe/support.h"
#include "analysis/replay/replay.h"
#include "backend/reference/reference_ops.h"
#include "engine/list_forward.h"
#include "observe/recording_ops.h"
#include "weight_bugs_support.h"

namespace kilter::analysis {
namespace {

constexpr int kPrompt = 4;
constexpr int kTokens = 5;

// All values of a run but those whose rows grow with it.
class Collected final : public ValueSink {
 public:
  bool wants(At at) override { return at.point != Point::attn_scores && at.point != Point::attn_softmax; }
  void take(At at, const Shape&, std::span<const float> values) override {
    values_[at].insert(values_[at].end(), values.begin(), values.end());
  }

  Dump dump(const Graph& graph, std::span<const At> wanted) const {
    Dump dump;
    dump.tokens.resize(kTokens);
    std::iota(dump.tokens.begin(), dump.tokens.end(), 0);
    dump.passes = {kPrompt, kTokens - kPrompt};
    for (const auto& [at, values] : values_) {
      if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), at) == wanted.end()) continue;
      Observed seen{.at = at,
                    .rows = dump.tokens,
                    .shape = {},
                    .complete = true,
                    .source = "",
                    .match = "",
                    .checksums = {},
                    .load = [&v = values]() -> Result<Elements> {
                      return Elements{v, {}};
                    }};
      const Shape& row = graph.find(at)->row;
      for (int axis = 0; axis < row.rank; ++axis) seen.shape.push_back(row[axis]);
      dump.values.emplace(at, std::move(seen));
    }
    return dump;
  }

  const std::vector<float>& of(At at) const { return values_.at(at); }

 private:
  std::map<At, std::vector<float>, AtOrder> values_;
};

// Far below any bug and far above f32's rounding of sums of a dozen products.
bool alike(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](float x, float y) { return std::abs(x - y) <= 1e-4F * (1 + std::abs(x)); });
}

class WeightTrials : public ::testing::Test {
 protected:
  WeightTrials() : graph_(std::move(graph_of(*right_).value())) {}

  // A weight of the spoilt model with these numbers.
  void spoil(Weight& w, std::vector<float> numbers) {
    kept_.push_back(std::move(numbers));
    w.type = DType::f32;
    w.bytes = std::as_bytes(std::span(kept_.back()));
  }
  static std::vector<float> numbers_of(const Weight& w) { return right_values(w); }

  // Every pair of entry and detail that explains `at`, given the values `wanted` (none: all) of the spoilt
  // model.
  std::set<std::string> explanations(const Model& wrong, At at, std::span<const At> wanted = {},
                                     std::string_view known = "") {
    reference::ReferenceOps inner(1);
    Collected collected;
    RecordingOps recording(inner, collected);
    feed(wrong, recording, {kPrompt, kTokens - kPrompt});
    const Dump dump = collected.dump(graph_, wanted);

    std::map<std::string, const Weight*, std::less<>> weights;
    for (const Node& node : graph_.nodes()) {
      if (node.weight != nullptr) weights[node.weight->name] = node.weight;
    }
    const ReplayModel model{.graph = &graph_,
                            .weight =
                                [&](std::string_view name) {
                                  const auto found = weights.find(name);
                                  return found == weights.end() ? nullptr : found->second;
                                },
                            .file_data = {},
                            .file_header = {}};
    reference::ReferenceOps ops(1);
    Replay replay(ops, model, dump);
    EXPECT_FALSE(alike(replay.expected(at, {}, {}, Inputs::dumped).value(), collected.of(at)))
        << to_string(at);

    const std::vector<const Node*> segment = replay.segment(at, Inputs::dumped);
    Scenario base;
    Suspect suspect{.node = graph_.find(at),
                    .rows = {},
                    .seen = nullptr,
                    .view = &replay.view({}, Inputs::dumped),
                    .segment = segment,
                    .dump = &dump};
    for (const Bug* bug : weight_bugs()) {
      for (const Trial& trial : bug->trials(suspect)) {
        if (trial.detail == known) base.mutations.push_back(trial.mutation);
      }
    }
    suspect.view = &replay.view(base, Inputs::dumped);
    std::set<std::string> found;
    for (const Bug* bug : weight_bugs()) {
      for (const Trial& trial : bug->trials(suspect)) {
        const auto tried =
            replay.expected(at, base, {.mutations = {trial.mutation}, .roundings = {}}, Inputs::dumped);
        if (tried.ok() && alike(*tried, collected.of(at))) {
          found.insert(std::string(bug->info().id) + ": " + trial.detail);
        }
      }
    }
    return found;
  }

  Model right_copy() const { return *right_; }

  TinyModel right_;
  Graph graph_;
  std::deque<std::vector<float>> kept_;
};

std::vector<float> reinterpreted(const Weight& w) {
  const auto flat = right_values(w);
  std::vector<float> wrong;
  for (int64_t o = 0; o < w.rows; ++o) {
    for (int64_t i = 0; i < w.cols; ++i) wrong.push_back(flat[static_cast<size_t>(i * w.rows + o)]);
  }
  return wrong;
}

using Found = std::set<std::string>;

TEST_F(WeightTrials, LayoutOfOneKindOfMatrix) {
  Model wrong = right_copy();
  for (Layer& layer : wrong.layers) spoil(layer.ffn_up, reinterpreted(layer.ffn_up));
  const Found expected = {"weight-layout: [n_out][n_in] used as [n_in][n_out]",
                          "weight-layout: [n_out][n_in] used as [n_in][n_out], in ffn_up only",
                          "weight-layout: [n_out][n_in] used as [n_in][n_out], in the layers only"};
  EXPECT_EQ(explanations(wrong, {Point::ffn_up, 0}), expected);
  // From the logits alone, only the trial that touches these matrices and no others is left.
  const At logits{Point::logits, -1};
  EXPECT_EQ(explanations(wrong, logits, std::span(&logits, 1)),
            Found{"weight-layout: [n_out][n_in] used as [n_in][n_out], in ffn_up only"});
}

TEST_F(WeightTrials, EmbeddingGatheredAsColumn) {
  Model wrong = right_copy();
  spoil(wrong.token_embd, reinterpreted(wrong.token_embd));
  const Found expected = {"embedding-column: element i of token t taken from i * n_vocab + t"};
  EXPECT_EQ(explanations(wrong, {Point::token_embd, -1}), expected);
}

TEST_F(WeightTrials, NormWeightPlusOne) {
  Model wrong = right_copy();
  auto numbers = numbers_of(wrong.head.output_norm);
  for (float& number : numbers) number += 1;
  spoil(wrong.head.output_norm, numbers);
  const Found expected = {"norm-weight-plus-one: 1 added to the weight",
                          "norm-weight-plus-one: 1 added to the weight, in output_norm only"};
  EXPECT_EQ(explanations(wrong, {Point::output_norm, -1}), expected);
}

TEST_F(WeightTrials, BiasLeftOutAndWeightNotLoaded) {
  Model wrong = right_copy();
  spoil(wrong.layers[1].attn_k_bias,
        std::vector<float>(static_cast<size_t>(wrong.layers[1].attn_k_bias.cols)));
  const Found bias = {"bias-left-out: not added", "bias-left-out: not added, in attn_k_bias only",
                      "bias-left-out: not added, in the layers only"};
  EXPECT_EQ(explanations(wrong, {Point::attn_k_bias, 1}), bias);
  Model empty = right_copy();
  const Weight& down = empty.layers[0].ffn_down;
  spoil(empty.layers[0].ffn_down, std::vector<float>(static_cast<size_t>(down.rows * down.cols)));
  const Found zeros = {"weight-not-loaded: all zeros", "weight-not-loaded: all zeros, in ffn_down only",
                       "weight-not-loaded: all zeros, in the layers only"};
  EXPECT_EQ(explanations(empty, {Point::ffn_down, 0}), zeros);
}

TEST_F(WeightTrials, AnotherLayersWeight) {
  Model wrong = right_copy();
  spoil(wrong.layers[1].attn_output, numbers_of(right_->layers[0].attn_output));
  const Found expected = {"wrong-tensor: the tensor of layer 0 in every layer",
                          "wrong-tensor: the tensor of the layer before",
                          "wrong-tensor: blk.0.attn_output.weight read for blk.1.attn_output.weight"};
  EXPECT_EQ(explanations(wrong, {Point::attn_output, 1}), expected);
}

TEST_F(WeightTrials, TwoBugsOfOneWeight) {
  Model wrong = right_copy();
  spoil(wrong.layers[1].ffn_up, reinterpreted(right_->layers[0].ffn_up));
  const At ffn_up{Point::ffn_up, 1};
  EXPECT_EQ(explanations(wrong, ffn_up), Found{});
  const std::string layout = "[n_out][n_in] used as [n_in][n_out], in ffn_up only";
  EXPECT_EQ(explanations(wrong, ffn_up, {}, layout),
            (Found{"wrong-tensor: the tensor of layer 0 in every layer, on top of what was found before",
                   "wrong-tensor: the tensor of the layer before, on top of what was found before",
                   "wrong-tensor: blk.0.ffn_up.weight read for blk.1.ffn_up.weight, on top of what was found "
                   "before"}));
  const Found turned = explanations(wrong, ffn_up, {}, "the tensor of the layer before");
  EXPECT_TRUE(turned.contains("weight-layout: " + layout + ", on top of what was found before"));
}

TEST_F(WeightTrials, TiedHead) {
  Model wrong = right_copy();
  spoil(wrong.head.output, numbers_of(right_->token_embd));
  EXPECT_EQ(explanations(wrong, {Point::output, -1}),
            Found{"tied-head: token_embd.weight used for the logits"});
}

TEST_F(WeightTrials, AHandFullOfNoiseIsExplainedByNone) {
  Model wrong = right_copy();
  auto numbers = numbers_of(wrong.layers[0].attn_v);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] += static_cast<float>(i % 7) - 3;
  spoil(wrong.layers[0].attn_v, numbers);
  EXPECT_EQ(explanations(wrong, {Point::attn_v, 0}), Found{});
}

}  // namespace
}  // namespace kilter::analysis
