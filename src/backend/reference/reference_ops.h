// The truth: every op as a plain loop in f64, whose result is kept in f64 for the next op and shown at the
// seam rounded once to f32. Slow on purpose.
#pragma once

#include "backend/reference/host_device.h"
#include "base/thread_pool.h"
#include "ops/ops.h"

namespace kilter::reference {

/// The plain ops of ops.h and no stage of its own: the default bodies run. Formulas stand in ops.h.
class ReferenceOps final : public Ops {
 public:
  /// Threads only share out the outputs: the bits do not depend on `n_threads`.
  explicit ReferenceOps(int n_threads) : pool_(n_threads) {}

  Device& device() override { return device_; }
  Workspace& workspace() override { return workspace_; }

  void embed(At at, std::span<const int32_t> ids, const Weight& table, Tensor& y) override;
  void rmsnorm(At at, const Tensor& x, const Weight& w, float eps, Tensor& y) override;
  void matmul(At at, const Tensor& x, const Weight& w, Tensor& y) override;
  void add_bias(At at, const Tensor& x, const Weight& b, Tensor& y) override;
  void rope(At at, const Tensor& x, std::span<const int32_t> positions, const Rope& rope, Tensor& y) override;
  void kv_store(At at, const Tensor& x, const Batch& batch, const KvTables& tables, Tensor& pool) override;
  void attention_scores(At at, const Tensor& q, const KvView& kv, const Batch& batch, float scale,
                        Tensor& s) override;
  void softmax(At at, const Tensor& s, Tensor& p) override;
  void attention_mix(At at, const Tensor& p, const KvView& kv, const Batch& batch, Tensor& y) override;
  void silu(At at, const Tensor& x, Tensor& y) override;
  void multiply(At at, const Tensor& a, const Tensor& b, Tensor& y) override;
  void add(At at, const Tensor& a, const Tensor& b, Tensor& y) override;
  void take_rows(At at, const Tensor& x, std::span<const int32_t> rows, Tensor& y) override;

 private:
  WideTensor wide(const Tensor& tensor) const { return device_.wide(tensor); }

  HostDevice device_;
  Workspace workspace_;  // before it, device_: its memory goes back to the device
  ThreadPool pool_;
};

}  // namespace kilter::reference
