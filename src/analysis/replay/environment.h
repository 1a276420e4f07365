// The values of one run under one scenario.
#pragma once

#include <map>
#include <set>
#include <span>
#include <vector>

#include "analysis/replay/op_runner.h"
#include "analysis/replay/replay.h"

namespace kilter::analysis {

/// What all environments of a replay share.
struct ReplayRun {
  Ops* ops = nullptr;
  ReplayModel model;
  const Dump* dump = nullptr;
  Batch batch;                     ///< every token of the run, one sequence
  std::vector<int32_t> all_rows;   ///< 0, 1 .. T-1
  std::vector<int32_t> head_rows;  ///< rows of the values of the head

  std::span<const int32_t> rows(At at) const;
  /// How much of a value the dump can stand in for. Found out once: it may have to look into the file.
  enum class Coverage { none, some_rows, all };
  Coverage coverage(At at) const;

  mutable std::map<At, Coverage, AtOrder> coverage_known;
};

/// A view whose values are made when they are asked for, and kept. Values that the trial cannot change are
/// taken from the environment below.
class Environment final : public ReplayView {
 public:
  /// `below` may be null; else it has the same inputs, and its scenario is the beginning of this one's.
  Environment(const ReplayRun& run, Scenario scenario, Inputs inputs, Environment* below);

  const Graph& graph() const override { return *run_.model.graph; }
  std::span<const int32_t> tokens() const override { return run_.batch.tokens; }
  std::span<const int64_t> passes() const override { return run_.dump->passes; }
  const Weight* weight(std::string_view name) const override { return run_.model.weight(name); }
  std::span<const std::byte> file_data() const override { return run_.model.file_data; }
  FileHeader file_header() const override { return run_.model.file_header; }
  std::span<const std::shared_ptr<const Mutation>> mutations() const override { return scenario_.mutations; }
  Result<std::span<const float>> value(At at) override;
  std::span<const int32_t> rows(At at) const override { return run_.rows(at); }
  Result<std::vector<float>> run(const Node& node) override;
  Result<std::vector<float>> run_rope(const Node& node, std::span<const int32_t> positions) override;

  /// The value as it follows, even where the dump has it.
  Result<std::vector<float>> computed(At at);
  const Scenario& scenario() const { return scenario_; }
  Inputs inputs() const { return inputs_; }

 private:
  /// A value as ops read it: the dump's rows where they are whole. Errors: those of compute().
  Result<const HostValue*> input(At at);
  Result<HostValue> compute(const Node& node);
  bool changed(const Node& node) const;
  void round_result(const Node& node, HostValue& value) const;
  /// The operand as the roundings leave it, in `rounded` where they touch it.
  Result<const HostValue*> operand(const Node& node, size_t i, HostValue& rounded);
  /// The weight likewise, in `numbers`.
  Result<Weight> weight_of(const Node& node, std::vector<float>& numbers) const;
  Result<HostValue> run_node(const Node& node, std::span<const int32_t> positions);
  Result<HostValue> mutated(const Mutation& mutation, const Node& node);
  Status overlay_dump(At at, HostValue& value) const;
  /// Computes what lies between the dump and the value, in the order of the pass: calls do not nest deeply.
  Status prepare(At at);
  bool touched(At at);
  void keep_within_budget();

  const ReplayRun& run_;
  Scenario scenario_;
  Inputs inputs_;
  Environment* below_;
  std::map<At, HostValue, AtOrder> values_;
  std::map<At, bool, AtOrder> touched_;
  std::set<At, AtOrder> in_work_;
  int64_t held_floats_ = 0;
};

/// The nodes between what the dump has whole and the value, in the order of the pass, the value's own last.
std::vector<const Node*> segment_of(const ReplayRun& run, At at, Inputs inputs);

}  // namespace kilter::analysis
