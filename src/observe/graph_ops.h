// Ops that compute nothing and write down which value is made from which.
#pragma once

#include <map>
#include <vector>

#include "observe/op_call.h"
#include "ops/graph.h"

namespace kilter {

/// Addresses without memory: every piece is as large as asked for and overlaps no other, so that observers
/// can tell values apart by where they would lie. Nothing may be read or written there.
class AddressDevice final : public Device {
 public:
  Result<DeviceMemory> allocate(int64_t floats) override;
  /// Zeros: there is nothing to read.
  void read_back(const Tensor& from, std::span<float> to) override;
  Status finish() override { return {}; }

 private:
  void release(float*, int64_t) override {}

  uintptr_t next_ = uintptr_t{1} << 20;
};

/// The forward pass of a model under these ops leaves the graph of that model. The pass needs its scratch
/// memory reserved on device(): the values are told apart by their addresses.
class GraphOps final : public OpsAsCalls {
 public:
  Device& device() override { return device_; }
  Workspace& workspace() override { return workspace_; }

  /// Of the one pass since the beginning.
  Graph graph() const { return Graph(nodes_); }

 protected:
  void call(const OpCall& c) override;

 private:
  void read(const Tensor& x, Node& node) const;

  AddressDevice device_;
  Workspace workspace_;
  std::vector<Node> nodes_;
  std::map<const float*, At> made_;  // the value that lies at each address now
};

}  // namespace kilter
