// Attention over the cache: which thread computes which heads of which rows.
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

  /// The three in one go, a tile at a time: the scores never leave the cache of a core.
  void fused(const Tensor& q, const KvView& kv, const Batch& batch, float scale, Tensor& y);

 private:
  struct Tile;

  int64_t rows_a_tile(int64_t rows, int64_t heads_kv, int64_t group, int64_t positions) const;
  /// body(Tile&) for tiles of up to `most_rows` rows, each with scratch of its own.
  template <typename Body>
  void each_tile(int64_t most_rows, int64_t n_head, const KvView& kv, const Batch& batch, const Body& body);
  void make_scores(const Tensor& q, float scale, Tile& tile) const;
  void make_mix(const Tile& tile, Tensor& y) const;

  const KernelTable& kernels_;
  Crew& crew_;
  CpuDevice& device_;
};

}  // namespace kilter::cpu
