// One call of a plain op as a value, so that an observer is written once and not once an op.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ops/ops.h"

namespace kilter {

/// The name and the arguments of one call; what the op does not have is null or empty. It points at the
/// caller's arguments, so it lives no longer than the call.
struct OpCall {
  std::string_view op;                 ///< the function of ops.h: "matmul"
  At at;                               ///< the value that is made
  const Tensor* x = nullptr;           ///< the first value that is read; null for embed
  const Tensor* b = nullptr;           ///< the second one: multiply, add
  const Weight* weight = nullptr;      ///< embed, rmsnorm, matmul, add_bias
  std::span<const int32_t> indices{};  ///< embed: ids; rope: positions; take_rows: rows
  const Rope* rope = nullptr;
  const Batch* batch = nullptr;      ///< the ops that touch the cache
  const KvTables* tables = nullptr;  ///< the ops that touch the cache
  const KvView* kv = nullptr;        ///< attention_scores, attention_mix
  const Tensor* cache = nullptr;     ///< the pool that is read: kv's k or v
  float number = 0;                  ///< rmsnorm: eps; attention_scores: scale
  Tensor* y = nullptr;               ///< what is written; kv_store: the pool

  /// Makes the same call on other ops. A copy of the call with another `y` gives a second opinion.
  void (*run)(Ops&, const OpCall&) = nullptr;

  bool is_kv_store() const { return cache == nullptr && tables != nullptr; }
  /// Shape of the value that is made: y's, and for kv_store the rows that it stores.
  const Shape& made() const { return is_kv_store() ? x->shape : y->shape; }
  /// Of a kv_store: which pool it writes.
  CachePart cache_part() const {
    return at.point == Point::attn_k_cache ? CachePart::keys : CachePart::values;
  }
  /// Of a kv_store: the rows of the pool that it writes, in the order of the batch.
  std::vector<int64_t> stored_rows() const;
};

/// `count` rows of a tensor from row `first` on, in place.
inline Tensor rows_of(const Tensor& tensor, int64_t first, int64_t count) {
  Tensor rows = tensor;
  rows.shape.extent[0] = count;
  if (tensor.data != nullptr) rows.data += first * tensor.row_size();
  return rows;
}

/// Ops whose plain ops all arrive in one place. The stages are the default ones, so they arrive expanded; a
/// class that wants to see a fused stage as it runs overrides that stage.
class OpsAsCalls : public Ops {
 public:
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

 protected:
  virtual void call(const OpCall& c) = 0;
};

/// Ops that hand every call on to others. An observer overrides call(), and
/// looks before or after it hands on.
class OpsWrapper : public OpsAsCalls {
 public:
  /// `inner` must outlive the wrapper.
  explicit OpsWrapper(Ops& inner) : inner_(inner) {}

  Device& device() override { return inner_.device(); }
  Workspace& workspace() override { return inner_.workspace(); }
  Status prepare(std::span<const Weight* const> weights, const PrepareProgress& progress) override {
    return inner_.prepare(weights, progress);
  }
  void read_cached(CachePart part, const Tensor& pool, int64_t row, std::span<float> to) override {
    inner_.read_cached(part, pool, row, to);
  }

 protected:
  void call(const OpCall& c) override { c.run(inner_, c); }
  Ops& inner() { return inner_; }

 private:
  Ops& inner_;
};

}  // namespace kilter
