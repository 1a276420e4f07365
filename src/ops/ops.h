// THE SEAM: the only door between a model and the hardware. Backends implement it,
// observers wrap it, the model calls it.
//
// Letters of shapes: T rows of the batch, R rows whose logits are wanted, D = n_embd, H query heads, K key
// and value heads, Hk and Hv head widths, F = n_ff, V vocabulary, L positions that the longest row may see.
//
// All values are f32 as seen from here, contiguous, rows first (the reference keeps their f64 behind them).
// Shapes are proved once, when a model is loaded; ops do not check them (CheckingOps does). "Rounding" names
// the row of contract.h. Failures of a device are sticky: Device::finish().
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "ops/batch.h"
#include "ops/device.h"
#include "ops/kv.h"
#include "ops/layer.h"
#include "ops/point.h"
#include "tensor/tensor.h"

namespace kilter {

/// How a backend runs stages.
enum class Stages {
  expanded,  ///< as their default bodies, op by op
  fused,     ///< its own way; to the same bits
};

/// Given the bytes of the weights that are laid out, of `all`.
using PrepareProgress = std::function<void(int64_t done, int64_t all)>;

class Ops {
 public:
  virtual ~Ops() = default;

  /// Where the tensors of these ops live.
  virtual Device& device() = 0;
  /// Scratch memory for the values inside a stage.
  virtual Workspace& workspace() = 0;
  /// Whether a stage takes its inner values from the workspace (its default body does), or needs none of it.
  virtual Stages stages() const { return Stages::expanded; }

  /// Told once, before the first pass, which weights there will be, so that they can be laid out for the
  /// kernels. `progress` is given the bytes done so far. Weights that were not announced work too, slowly.
  /// Errors: memory. The weights' bytes stay where they are; embed() goes on reading its table there.
  virtual Status prepare(std::span<const Weight* const> weights, const PrepareProgress& progress);

  /// One position of a pool as f32, as kv_store() put it there. to: [pool.row_size()]. Waits for the ops that
  /// make it.
  virtual void read_cached(CachePart part, const Tensor& pool, int64_t row, std::span<float> to);

  // ---- Plain ops: each makes the one value that `at` names. ----

  /// Rows of an embedding table.
  ///   y[t,i] = decode(table)[ids[t], i]
  /// Shapes   ids: [T], each in [0, table.rows).   table: any format [V, D].   y: [T, D].
  /// Rounding `embed`: the decoded number, exactly.
  /// Source   Vaswani et al. 2017, section 3.4, without its factor sqrt(D).
  virtual void embed(At at, std::span<const int32_t> ids, const Weight& table, Tensor& y) = 0;

  /// Root-mean-square normalisation of each vector of n values; a row may hold several (the heads of q).
  ///   y[t,i] = x[t,i] * w[i] / sqrt((1/n) * sum_j x[t,j]^2 + eps)
  /// Shapes   w: [n].   x, y: the same, a multiple of n elements; may be the same tensor.   eps > 0.
  /// Rounding `rmsnorm`.
  /// Source   Zhang & Sennrich 2019, eq. 4; eps from GGUF `<arch>.attention.layer_norm_rms_epsilon`.
  virtual void rmsnorm(At at, const Tensor& x, const Weight& w, float eps, Tensor& y) = 0;

  /// Product with a weight matrix.
  ///   y[t,o] = sum_i w[o,i] * x[t,i]
  /// Shapes   x: [T, n_in].   w: any format [n_out, n_in].   y: [T, n_out], not x.
  /// Rounding `matmul`.
  /// Source   torch.nn.Linear without its bias; GGUF stores w as ne = {n_in, n_out}.
  virtual void matmul(At at, const Tensor& x, const Weight& w, Tensor& y) = 0;

  /// Adds one vector to each row.
  ///   y[t,i] = x[t,i] + b[i]
  /// Shapes   x, y: [T, n], may be the same tensor.   b: [n].
  /// Rounding `add_bias`: once.
  /// Source   the bias of torch.nn.Linear; GGUF `<weight>.bias`.
  virtual void add_bias(At at, const Tensor& x, const Weight& b, Tensor& y) = 0;

  /// Rotary position embedding.
  ///   y_i = magnitude * (x_i cos a - x_j sin a)
  ///   y_j = magnitude * (x_i sin a + x_j cos a),   a = positions[t] * frequency[pair]
  /// for the pairs (i, j) that rope.pairs names; elements from rope.n_rot on are copied.
  /// Shapes   x, y: [T, heads, Hk], may be the same tensor.   positions: [T].
  /// Rounding `rope`: angle, sine and cosine in f64.
  /// Source   Su et al. 2021, eq. 34.
  virtual void rope(At at, const Tensor& x, std::span<const int32_t> positions, const Rope& rope,
                    Tensor& y) = 0;

  /// Keeps the batch's keys or values for the attention of this pass and of later ones.
  ///   pool[tables.row(sequences[t], positions[t])] = x[t]
  /// Shapes   x: [T, K, width].   pool: KvLayer's k under the name attn_k_cache, else its v; the blocks of
  ///          these rows are one sequence's alone. How numbers lie in a block is the backend's business.
  /// Rounding `kv_store`: a copy, or once to f16 where the cache keeps f16.
  /// Source   Pope et al. 2022, section 2.1; blocks: Kwon et al. 2023, section 4.1.
  virtual void kv_store(At at, const Tensor& x, const Batch& batch, const KvTables& tables, Tensor& pool) = 0;

  /// Scaled, causally masked similarity of each query with each cached key of its sequence.
  ///   s[t,h,l] = scale * sum_i q[t,h,i] * k[row(l), h / (H/K), i]   for l <= positions[t],   -inf beyond
  /// Shapes   q: [T, H, Hk].   kv.layer.k.   s: [T, H, L], L = batch.visible_positions().
  /// Rounding `attention_scores`.
  /// Source   Vaswani et al. 2017, eq. 1; grouped heads: Ainslie et al. 2023.
  virtual void attention_scores(At at, const Tensor& q, const KvView& kv, const Batch& batch, float scale,
                                Tensor& s) = 0;

  /// Softmax over the last axis.
  ///   p[t,h,l] = exp(s[t,h,l] - m) / sum_j exp(s[t,h,j] - m),   m = max_j s[t,h,j]
  /// Shapes   s, p: [T, H, L], may be the same tensor.   Each [t,h] has an element above -inf.
  /// Rounding `softmax`.
  /// Source   Vaswani et al. 2017, eq. 1.
  virtual void softmax(At at, const Tensor& s, Tensor& p) = 0;

  /// Cached values, weighted.
  ///   y[t,h,i] = sum_l p[t,h,l] * v[row(l), h / (H/K), i]   over l <= positions[t]
  /// Shapes   p: [T, H, L].   kv.layer.v.   y: [T, H, Hv].
  /// Rounding `attention_mix`.
  /// Source   Vaswani et al. 2017, eq. 1.
  virtual void attention_mix(At at, const Tensor& p, const KvView& kv, const Batch& batch, Tensor& y) = 0;

  /// Sigmoid-weighted linear unit.
  ///   y = x / (1 + exp(-x))
  /// Shapes   x, y: the same; may be the same tensor.
  /// Rounding `silu`.
  /// Source   Elfwing et al. 2017, eq. 1.
  virtual void silu(At at, const Tensor& x, Tensor& y) = 0;

  /// Product, element by element.
  ///   y = a * b
  /// Shapes   a, b, y: the same; may be the same tensor.
  /// Rounding `multiply`: once.
  /// Source   the gate of Shazeer 2020, eq. 6.
  virtual void multiply(At at, const Tensor& a, const Tensor& b, Tensor& y) = 0;

  /// Sum, element by element.
  ///   y = a + b
  /// Shapes   a, b, y: the same; may be the same tensor.
  /// Rounding `add`: once.
  /// Source   the residual connection of He et al. 2015, eq. 1.
  virtual void add(At at, const Tensor& a, const Tensor& b, Tensor& y) = 0;

  /// Chosen rows.
  ///   y[r] = x[rows[r]]
  /// Shapes   x: [T, n].   rows: [R], each in [0, T).   y: [R, n], not x.
  /// Rounding `take_rows`: none, a copy.
  /// Source   kilter: logits cost V * D a row, so only the rows that are sampled get them.
  virtual void take_rows(At at, const Tensor& x, std::span<const int32_t> rows, Tensor& y) = 0;

  // ---- Stages: what the model calls. A stage means its default body in stages.cc; a backend overrides one
  // with a fused kernel only where that was measured to be faster, and the contract modes give
  // the same bits either way. ----

  /// Token ids to the residual stream x: [T, D].
  virtual void embedding(const Weight& token_embd, const Batch& batch, Tensor& x);

  /// Norm, projections, biases, head norms, rope.   x: [T, D]   q: [T, H, Hk]   k: [T, K, Hk]   v: [T, K, Hv]
  virtual void attention_input(int il, const Layer& w, const Batch& batch, const Tensor& x, Qkv& out);

  /// Stores k and v, then softmax(scale * q k^T + mask) v.   mix: [T, H, Hv]
  virtual void attention(int il, const Layer& w, const Batch& batch, const Qkv& in, KvView kv, Tensor& mix);

  /// x += attn_output . mix (+ bias)
  virtual void attention_output(int il, const Layer& w, const Tensor& mix, Tensor& x);

  /// x += ffn_down . (silu(ffn_gate . h) * ffn_up . h),   h = rmsnorm(x)
  virtual void feed_forward(int il, const Layer& w, Tensor& x);

  /// Logits of the wanted rows.   x: [T, D]   logits: [R, V]
  virtual void head(const Head& w, const Batch& batch, const Tensor& x, Tensor& logits);
};

}  // namespace kilter
