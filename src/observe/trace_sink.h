// From recorded values to a trace file.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kilter/result.h"
#include "observe/listing_ops.h"
#include "observe/name_filter.h"
#include "observe/recording_ops.h"
#include "trace/safetensors_writer.h"

namespace kilter {

/// The tensors of a trace of these passes (all of them, in order, as ListingOps saw them): one for each name
/// that the filter lets through, in the order of computation. The rows of all passes stand one behind the
/// other; where the last axis is positions, it is as long as the longest pass needs. One pass over all tokens
/// of a run, listed, gives the same plan as the passes that it will be cut into.
std::vector<TensorSpec> plan_trace(std::span<const ListedOp> ops, const NameFilter& filter);

/// Writes values where plan_trace() meant them to be. A prompt gives the same file however it is cut
/// into passes: rows follow the rows of earlier passes, and the scores and the softmax of a pass that
/// saw fewer positions are filled up with -infinity and 0, which is what a longer pass computes for
/// positions that a row may not see.
class TraceSink final : public ValueSink {
 public:
  /// `writer` must outlive the sink; values that it does not know are not recorded.
  explicit TraceSink(SafetensorsWriter& writer) : writer_(writer) {}

  bool wants(At at) override { return status_.ok() && writer_.find(to_string(at)) != nullptr; }
  void take(At at, const Shape& shape, std::span<const float> values) override;

  /// The first error, after which nothing is written. Errors: those of the writer; mismatch, when a value is
  /// not of the shape that was planned.
  const Status& status() const { return status_; }

 private:
  /// A value of one pass.
  struct Passed {
    Shape shape;
    std::span<const float> values;
  };
  Status write(At at, const Shape& shape, std::span<const float> values);
  Status write_padded(const TensorSpec& spec, int64_t first_row, const Passed& passed, float fill);

  SafetensorsWriter& writer_;
  std::map<std::string, int64_t> rows_;  // written so far, by name
  std::vector<float> padded_row_;
  Status status_;
};

}  // namespace kilter
