// A way of rounding that no exact computation has and many honest engines do.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "ops/graph.h"

namespace kilter::analysis {

/// Rounds operands and results of ops; the op itself stays what it is, or what a mutation makes of it.
class Rounding {
 public:
  virtual ~Rounding() = default;

  /// Whether anything of this op is rounded.
  virtual bool touches(const Node& node) const = 0;
  /// Rounds the operand `input` of an op in place: [rows, width].
  virtual void round_operand(const Node&, size_t /*input*/, std::span<float>, int64_t /*width*/) const {}
  /// Whether the weight of this op is rounded too, and how.
  virtual bool rounds_weight(const Node&) const { return false; }
  virtual void round_weight(std::span<float>) const {}
  /// Rounds what an op hands on, in place. What is compared with the dump is not rounded.
  virtual void round_result(const Node&, std::span<float>) const {}
};

using Roundings = std::vector<std::shared_ptr<const Rounding>>;

}  // namespace kilter::analysis
