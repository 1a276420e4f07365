// One op of a graph on values of the host.
#pragma once

#include <span>
#include <vector>

#include "kilter/result.h"
#include "ops/graph.h"
#include "ops/ops.h"

namespace kilter::analysis {

/// A value with memory of its own, on a device of the host.
struct HostValue {
  DeviceMemory memory;
  Tensor tensor;  ///< [rows, row...]

  std::span<float> numbers() const { return {tensor.data, static_cast<size_t>(tensor.shape.elements())}; }
};

/// Zeros of [rows, row...]; the last axis of scores and softmax is `positions`. Errors: memory.
Result<HostValue> make_value(Ops& ops, const Node& node, int64_t rows, int64_t positions);

/// What an op is computed on.
struct OpInputs {
  const Batch* batch = nullptr;          ///< of the whole run
  std::span<const int32_t> positions;    ///< rope
  std::span<const int32_t> rows;         ///< take_rows
  std::vector<const HostValue*> values;  ///< in the order of Node::inputs; a cache as [T, K, width]
};

/// Calls the op that the node names. Errors: usage for an op that is not one of ops.h, or lacks an input.
Status run_op(Ops& ops, const Node& node, const OpInputs& in, HostValue& out);

}  // namespace kilter::analysis
