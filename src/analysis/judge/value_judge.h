// One value under one scenario: what it should be, how far it may be off, and how far it is.
#pragma once

#include "analysis/dump/dump.h"
#include "analysis/judge/benign.h"
#include "analysis/judge/score.h"
#include "analysis/replay/replay.h"

namespace kilter::analysis {

/// A value of the dump, read.
struct SeenValue {
  const Observed* observed = nullptr;
  Elements elements;
};

/// What is believed of the engine when one of its values is judged.
struct Belief {
  Scenario scenario;  ///< mutations and the benign roundings that hold throughout
  std::vector<std::shared_ptr<const Benign>>
      benign;  ///< those of the scenario's roundings; they widen bounds
  Inputs inputs = Inputs::dumped;
};

class ValueJudge {
 public:
  ValueJudge(Replay& replay, const Graph& graph) : replay_(replay), graph_(graph) {}

  /// Scores the value under `belief`, and with `trial` on top of it. A change that cannot be computed for
  /// this value does not explain it: its score is infinite. Errors: memory, io, interrupted, as
  /// Replay::expected gives them.
  Result<Score> judge(const SeenValue& seen, const Belief& belief, const Belief& trial);

  /// What the value should be, and its bounds.
  struct Expected {
    std::vector<float> values;
    ErrorBounds bounds;
  };
  Result<Expected> expected(At at, const Belief& belief, const Belief& trial);

  /// Differences alone, no margins: without the cost of bounds.
  Result<Score> compare(const SeenValue& seen, const Belief& belief);

 private:
  Result<ErrorBounds> bounds_of(const Node& node, const std::vector<float>& y, const Belief& belief,
                                const Belief& trial);
  Result<std::vector<double>> chain_noise(const Node& node, const Belief& belief);

  /// What the ops before a value may add to its bound.
  struct ChainNoise {
    At at{};
    Scenario scenario;
    Inputs inputs = Inputs::computed;
    std::vector<double> more;  // an element each
  };

  Replay& replay_;
  const Graph& graph_;
  WeightNorms norms_;
  ChainNoise noise_;  // of the latest value and belief: trials on top of it have the same room
};

}  // namespace kilter::analysis
