// A model on one backend, as the golden tests drive it.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/forward.h"
#include "ops/ops.h"

namespace kilter::golden {

/// Tokens of one sequence at consecutive positions, as a batch that asks for all logits.
Batch batch_of(std::span<const int32_t> ids, int32_t sequence, int64_t first_position);

class GoldenModel {
 public:
  /// On `ops`, with the weights laid out. A test failure when the file cannot be loaded; then usable() is
  /// false.
  GoldenModel(const std::string& path, std::unique_ptr<Ops> ops);
  /// On the reference backend.
  GoldenModel(const std::string& path, int n_threads);

  bool usable() const { return model_ != nullptr; }
  const Model& model() const { return *model_; }
  Ops& ops() { return *ops_; }
  size_t n_vocab() const { return static_cast<size_t>(model_->n_vocab()); }

  KvCache new_cache(int64_t n_blocks);

  /// One pass over rows whose sequences already have room. Returns their logits [R, V].
  std::vector<float> pass(const KvCache& kv, const Batch& batch) { return pass(kv, batch, *ops_); }
  /// The same through an observer of ops().
  std::vector<float> pass(const KvCache& kv, const Batch& batch, Ops& observer);

  /// Makes room for the tokens and runs them as one pass behind what the sequence holds. [T, V]
  std::vector<float> feed(KvCache& kv, int32_t sequence, std::span<const int32_t> ids);

  /// A new cache, one sequence, one pass. [T, V]
  std::vector<float> logits(std::span<const int32_t> ids);

 private:
  std::unique_ptr<Ops> ops_;
  std::unique_ptr<Model> model_;
};

}  // namespace kilter::golden
