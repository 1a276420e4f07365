// Ops that show every value as it is made.
#pragma once

#include <span>
#include <vector>

#include "observe/op_call.h"

namespace kilter {

/// Where recorded values go.
class ValueSink {
 public:
  virtual ~ValueSink() = default;

  /// A value that the sink does not want is not read back.
  virtual bool wants(At at) = 0;

  /// One value of one pass: its rows are those of the batch, or those that get
  /// logits. `values` ends with the call.
  virtual void take(At at, const Shape& shape, std::span<const float> values) = 0;
};

/// Hands every value to a sink as soon as it is made, before a later op can write over it. The ops
/// compute what they compute without it, to the bit. Values of the cache are the rows that the
/// pass stored, read from the cache.
class RecordingOps final : public OpsWrapper {
 public:
  /// `inner` and `sink` must outlive the wrapper.
  RecordingOps(Ops& inner, ValueSink& sink) : OpsWrapper(inner), sink_(sink) {}

 protected:
  void call(const OpCall& c) override;

 private:
  void read_stored_rows(const OpCall& c);

  ValueSink& sink_;
  std::vector<float> values_;
};

}  // namespace kilter
