// Each value of a pass, computed from the other engine's own numbers.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "analysis/dump/dump.h"
#include "analysis/replay/mutation.h"
#include "ops/ops.h"

namespace kilter::analysis {

/// What a replay needs of the model.
struct ReplayModel {
  const Graph* graph = nullptr;
  std::function<const Weight*(std::string_view name)> weight;  ///< by GGUF's name, null where there is none
  std::span<const std::byte> file_data;                        ///< the file's data section
  FileHeader file_header;                                      ///< what stands in front of it; may be empty
};

/// Which values of the dump an op may read.
enum class Inputs {
  dumped,  ///< the other engine's own, where all rows and elements are known: an op's own error is seen alone
  computed,  ///< none: a whole run
};

/// Evaluates values of one run. A value that the dump lacks (or has in part) is computed from those before
/// it, back to the nearest that the dump has whole, at worst the token ids.
class Replay {
 public:
  /// `ops` computes (the reference backend); all must outlive the replay. Errors: memory.
  static Result<std::unique_ptr<Replay>> create(Ops& ops, const ReplayModel& model, const Dump& dump);
  ~Replay();

  /// [T, row...] what the value should be, with these mutations in force.
  Result<std::vector<float>> expected(At at, std::span<const std::shared_ptr<const Mutation>> mutations,
                                      Inputs inputs);
  /// The ops that expected() would compute for it, the value's own last.
  std::vector<const Node*> segment(At at) const;
  /// A view for trials, with these mutations in force. Valid until the next call of a member.
  ReplayView& view(std::span<const std::shared_ptr<const Mutation>> mutations);

 private:
  class Impl;
  explicit Replay(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kilter::analysis
