// The work of `kilter trace`: one model, one run, and every value that its passes compute.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/loaded_model.h"
#include "engine/sequence.h"
#include "kilter/result.h"
#include "observe/name_filter.h"
#include "observe/recording_ops.h"

namespace kilter::cli {

/// Which values there are to be seen.
enum class TraceStages {
  expanded,  ///< all: plain ops, one by one
  as_run,    ///< those that outlive_stage(), of stages that run as they do without tracing
};

/// Whether the same passes are run without tracing too, and their logits compared.
enum class SelfCheck { no, yes };

/// What is traced.
struct TraceRequest {
  const Model& model;
  std::vector<int32_t> prompt;
  int64_t steps = 0;  ///< greedy tokens after the prompt, each in a pass of its own
  SessionOptions session;
  NameFilter filter;
  std::optional<std::vector<int32_t>> positions = {};  ///< the rows that are wanted, ascending; absent: all
  TraceStages stages = TraceStages::expanded;
  SelfCheck self_check = SelfCheck::no;

  /// Tokens of the run.
  int64_t n_tokens() const { return static_cast<int64_t>(prompt.size()) + steps; }
};

/// Where a trace goes.
struct TraceOutput {
  std::optional<std::string> path;              ///< the safetensors file; absent: none is written
  std::map<std::string, std::string> metadata;  ///< of that file, beside what the run itself adds to it:
                                                ///< token_ids, passes, positions, self_check
  ValueSink* print = nullptr;                   ///< is shown every value too; may be null
};

struct TraceSummary {
  std::vector<int32_t> ids;     ///< of the whole run
  std::vector<int64_t> passes;  ///< the prompt's tokens, and 1 for each step
  size_t values = 0;            ///< names in the file
  uint64_t bytes = 0;           ///< of the file
};

/// Runs the prompt and the steps with every value on its way to `output`. Memory is that of the passes: it
/// does not grow with the file.
/// Errors: those of Sequence::feed; usage, when the filter lets nothing through; io; mismatch, when tracing
/// changed the logits, naming the first one: then no file appears.
Result<TraceSummary> run_trace(const TraceRequest& request, Ops& ops, const TraceOutput& output);

}  // namespace kilter::cli
