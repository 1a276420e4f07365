// The work of `kilter trace`: one model, one prompt, and every value that the pass computes.
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

/// What is traced.
struct TraceRequest {
  const LoadedModel& loaded;
  std::vector<int32_t> ids;
  SessionOptions session;
  NameFilter filter;
};

/// [T, V] logits of every row of a run.
using AllLogits = std::vector<float>;

/// Runs the prompt on `ops` with logits for every row; `label` is what the progress bar says.
/// Errors: those of Sequence::feed.
Result<AllLogits> run_prompt(const TraceRequest& request, Ops& ops, const std::string& label);

/// Where a trace goes.
struct TraceOutput {
  std::optional<std::string> path;              ///< the safetensors file; absent: none is written
  std::map<std::string, std::string> metadata;  ///< of that file
  ValueSink* print = nullptr;                   ///< is shown every value too; may be null
  std::optional<AllLogits> untraced;            ///< what the logits must be, to the bit, or no file appears
};

struct TraceSummary {
  size_t values = 0;   ///< names in the file
  uint64_t bytes = 0;  ///< of the file
};

/// Runs the prompt with every value on its way to `output`.
/// Errors: those of run_prompt; usage, when the filter lets nothing through; io; mismatch, when tracing
/// changed the logits, naming the first row.
Result<TraceSummary> run_traced(const TraceRequest& request, Ops& ops, const TraceOutput& output);

}  // namespace kilter::cli
