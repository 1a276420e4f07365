// Each value of a pass, computed from the other engine's own numbers.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "analysis/dump/dump.h"
#include "analysis/replay/mutation.h"
#include "analysis/replay/rounding.h"
#include "ops/ops.h"

namespace kilter::analysis {

/// What a replay needs of the model.
struct ReplayModel {
  const Graph* graph = nullptr;
  std::function<const Weight*(std::string_view name)> weight;  ///< by GGUF's name, null where there is none
  std::span<const std::byte> file_data;                        ///< the file's data section
  FileHeader file_header;                                      ///< what stands in front of it; may be empty
};

/// How an engine differs from the exact computation.
struct Scenario {
  std::vector<std::shared_ptr<const Mutation>> mutations;
  Roundings roundings;

  bool empty() const { return mutations.empty() && roundings.empty(); }
  /// Both at once; where two change one node, the later one does.
  Scenario with(const Scenario& more) const;
  bool operator==(const Scenario&) const = default;
};

/// Which values of the dump an op may read.
enum class Inputs {
  dumped,    ///< the other engine's own, where whole rows of them are known: an op's own error is seen alone
  computed,  ///< none: a whole run
};

/// Evaluates values of one run. Rows that the dump lacks (or has in part) are computed from the values before
/// them, back to the nearest that the dump has whole, at worst the token ids.
class Replay {
 public:
  /// `ops` computes in host memory (the reference backend). All must outlive the replay; the dump has tokens.
  Replay(Ops& ops, const ReplayModel& model, const Dump& dump);
  ~Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  /// What the value should be, [rows(at), row...]: `base` is what holds for good, `trial` what is tried on
  /// top of it. Errors: memory, those of the dump's load(), those of the mutations.
  Result<std::vector<float>> expected(At at, const Scenario& base, const Scenario& trial, Inputs inputs);

  /// The ops that expected() computes for it, the value's own last.
  std::vector<const Node*> segment(At at, Inputs inputs) const;

  /// A view of the run under `base`. It is valid until three other bases were asked for.
  ReplayView& view(const Scenario& base, Inputs inputs);

  /// The tokens of the rows of a value.
  std::span<const int32_t> rows(At at) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kilter::analysis
