// Ops that compute nothing and write down what they were asked for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "observe/op_call.h"
#include "observe/op_cost.h"

namespace kilter {

/// One op call of a pass. The formula of its value is point_info(at.point).formula.
struct ListedOp {
  At at;
  std::string_view op;          ///< the function of ops.h
  std::vector<Shape> operands;  ///< values read, in the order of the op's arguments; a cache as [L, K, width]
  std::string weight;           ///< its name, or empty
  DType weight_type = DType::f32;
  Shape weight_shape;  ///< [rows, cols]; rank 0 without a weight
  Shape made;          ///< shape of the value
  OpCost cost;
};

/// Memory that has a size and no bytes: allocate() always succeeds and gives null.
class NoDevice final : public Device {
 public:
  Result<DeviceMemory> allocate(int64_t) override { return DeviceMemory(); }
  /// Zeros: there is nothing to read.
  void read_back(const Tensor& from, std::span<float> to) override;
  Status finish() override { return {}; }

 private:
  void release(float*, int64_t) override {}
};

/// The forward pass of a model under these ops lists what that model is made of, in no time and no memory.
/// After it, workspace().peak() is the scratch memory that the same pass needs with the default stages.
class ListingOps final : public OpsAsCalls {
 public:
  Device& device() override { return device_; }
  Workspace& workspace() override { return workspace_; }

  /// Every call since the beginning or since clear(), in order; several passes follow one another.
  const std::vector<ListedOp>& ops() const { return ops_; }
  void clear() { ops_.clear(); }

 protected:
  void call(const OpCall& c) override;

 private:
  NoDevice device_;
  Workspace workspace_;
  std::vector<ListedOp> ops_;
};

/// Ops that make every stage out of nothing: after a pass, workspace().peak() is the scratch memory that the
/// pass takes under ops with fused stages.
class OutlineOps final : public OpsAsCalls {
 public:
  Device& device() override { return device_; }
  Workspace& workspace() override { return workspace_; }

  void attention_input(int, const Layer&, const Batch&, const Tensor&, Qkv&) override {}
  void attention(int, const Layer&, const Batch&, const Qkv&, KvView, Tensor&) override {}
  void attention_output(int, const Layer&, const Tensor&, Tensor&) override {}
  void feed_forward(int, const Layer&, Tensor&) override {}
  void head(const Head&, const Batch&, const Tensor&, Tensor&) override {}

 protected:
  void call(const OpCall&) override {}

 private:
  NoDevice device_;
  Workspace workspace_;
};

}  // namespace kilter
