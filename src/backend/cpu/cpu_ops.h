// The CPU backend: fused stages over kernels that are chosen at run time, bound to the arithmetic contract.
#pragma once

#include "backend/cpu/attention.h"
#include "backend/cpu/cpu_device.h"
#include "backend/cpu/crew.h"
#include "backend/cpu/products.h"
#include "backend/cpu/rope_table.h"
#include "backend/cpu/weight_store.h"
#include "ops/contract.h"
#include "ops/ops.h"

namespace kilter::cpu {

struct CpuOptions {
  const KernelTable* kernels = nullptr;  ///< select_kernels.h
  Arithmetic mode = Arithmetic::accurate;
  KvType kv = KvType::f16;
  int threads = 1;
  Affinity affinity = Affinity::none;
};

/// For one (model, mode, kv type, token sequence) the logits have the same bits, whatever the batch, the
/// threads, the kernels and the wrappers around it: each value is computed by one row's own operands in an
/// order that kernel_table.h pins. Not for several threads at once.
class CpuOps final : public Ops {
 public:
  explicit CpuOps(const CpuOptions& options);

  Device& device() override { return device_; }
  Workspace& workspace() override { return workspace_; }
  Stages stages() const override { return Stages::fused; }
  Status prepare(std::span<const Weight* const> weights, const PrepareProgress& progress) override {
    return weights_.prepare(weights, progress);
  }
  void read_cached(CachePart part, const Tensor& pool, int64_t row, std::span<float> to) override;

  // The plain ops: cpu_ops.cc.
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

  // The stages, fused: cpu_stages.cc.
  void attention_input(int il, const Layer& w, const Batch& batch, const Tensor& x, Qkv& out) override;
  void attention(int il, const Layer& w, const Batch& batch, const Qkv& in, KvView kv, Tensor& mix) override;
  void attention_output(int il, const Layer& w, const Tensor& mix, Tensor& x) override;
  void feed_forward(int il, const Layer& w, Tensor& x) override;
  void head(const Head& w, const Batch& batch, const Tensor& x, Tensor& logits) override;

 private:
  // Rows of x, normalised into `h` and made into digits for the products, on all threads.
  Operand normalised(const Tensor& x, const Weight& norm, float eps, float* h,
                     std::span<const Product> products);
  void norm_vectors(const Tensor& x, const Weight& w, float eps, Tensor& y);
  void bias_rows(const Tensor& x, const Weight& b, Tensor& y);
  void finish_heads(Tensor& x, const Weight& bias, const Weight& norm, float eps);
  // body(begin, end) over rows of `row_floats`, in pieces that are worth a hand-out: about 10 us.
  template <typename Body>
  void share_rows(int64_t rows, int64_t row_floats, const Body& body) {
    constexpr int64_t kFloatsAPiece = 1 << 14;
    const int64_t grain = std::max<int64_t>(1, kFloatsAPiece / std::max<int64_t>(1, row_floats));
    crew_.share(rows, grain, [&](int64_t begin, int64_t end, std::byte*) { body(begin, end); });
  }

  const KernelTable& kernels_;
  CpuDevice device_;
  Workspace workspace_;  // before it, device_: its memory goes back to the device
  Crew crew_;
  WeightStore weights_;
  Products products_;
  Attention attention_;
  RopeTable rope_;
  Buffer hidden_;  // the values inside a fused stage
};

}  // namespace kilter::cpu
