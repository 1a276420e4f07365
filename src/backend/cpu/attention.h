// Attention over the cache: which thread computes which head of which row.
#pragma once

#include "backend/cpu/crew.h"
#include "backend/cpu/kernel_table.h"
#include "ops/batch.h"
#include "ops/kv.h"

namespace kilter::cpu {

class Attention {
 public:
  Attention(const KernelTable& kernels, Crew& crew, CpuDevice& device)
      : kernels_(kernels), crew_(crew), device_(device) {}

  void store(CachePart part, const Tensor& x, const Batch& batch, const KvTables& tables, const Tensor& pool);

  /// Scores, softmax and mix of the plain ops of ops.h.
  void scores(const Tensor& q, const KvView& kv, const Batch& batch, float scale, Tensor& s);
  void softmax(const Tensor& s, Tensor& p);
  void mix(const Tensor& p, const KvView& kv, const Batch& batch, Tensor& y);

  /// The three in one go, a head group of a row at a time: the scores never leave the cache of a core.
  void fused(const Tensor& q, const KvView& kv, const Batch& batch, float scale, Tensor& y);

 private:
  // The queries of row t that share kv head `kv_head`.
  struct Item {
    int64_t t;
    int64_t kv_head;
    int64_t group;  ///< queries: H / K

    /// Of the heads of all rows, the first one of the item.
    int64_t first_head(int64_t n_head) const { return t * n_head + kv_head * group; }
  };
  AttentionJob job_of(Item item, const KvView& kv, const Batch& batch) const;

  const KernelTable& kernels_;
  Crew& crew_;
  CpuDevice& device_;
};

}  // namespace kilter::cpu
