// A model under test of the contract gate, and the ways in which its tokens can be computed.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kilter/engine.h"
#include "model/kv_cache.h"
#include "model/model.h"
#include "model/random_model.h"
#include "ops/batch.h"
#include "ops/ops.h"

namespace kilter::gate {

using Logits = std::vector<float>;  // [T, V]

class GateModel {
 public:
  /// Writes the model to a temporary file and loads it. A test failure where that is impossible.
  explicit GateModel(const RandomModelRequest& request);
  /// A model that is there.
  explicit GateModel(const std::string& path);

  bool usable() const { return model_ != nullptr; }
  const Model& model() const { return *model_; }
  int64_t n_vocab() const { return model_->n_vocab(); }
  std::vector<int32_t> random_ids(int64_t n) const;

  /// The backend, with the weights laid out.
  std::unique_ptr<Ops> backend(const LoadOptions& options) const;

  /// All logits of the tokens, in passes of these lengths over and over.
  Logits logits(Ops& ops, std::span<const int32_t> ids, const std::vector<int64_t>& passes) const;

  /// The same in one pass whose rows are shuffled with those of two other sequences.
  Logits logits_among_neighbours(Ops& ops, const std::vector<int32_t>& ids) const;

  /// Logits from the first position on that a fork of another sequence does not share, and that position.
  std::pair<int64_t, Logits> logits_behind_shared_prefix(Ops& ops, const std::vector<int32_t>& ids) const;

 private:
  void load(const std::string& path);
  Logits pass(Ops& ops, const KvCache& kv, const Batch& batch) const;

  std::unique_ptr<Model> model_;
};

}  // namespace kilter::gate
