// One sequence of tokens on one backend: feeds it through the forward pass in chunks.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/batch_of.h"
#include "kilter/engine.h"
#include "model/forward.h"

namespace kilter {

/// Keeps references to the model and the ops, which must outlive it. The ops may be a wrapper that observes.
class Sequence {
 public:
  /// Errors: usage (options out of range), memory.
  static Result<Sequence> create(const Model& model, Ops& ops, const SessionOptions& options);

  /// Called with the number of tokens done; Go::stop ends the feed after the chunk.
  using Progress = std::function<Go(int64_t done)>;

  /// Appends tokens. Errors: usage, memory, interrupted, errors of the device.
  Status feed(std::span<const int32_t> ids, LogitRows rows, const Progress& progress);

  /// Forgets the tokens from `length` on.
  void rewind(int64_t length);

  /// [V] of the last token; empty before the first feed and after a rewind.
  std::span<const float> logits() const { return logits_; }
  const std::vector<int32_t>& tokens() const { return tokens_; }
  int64_t n_ctx() const { return options_.n_ctx; }

 private:
  Sequence(const Model& model, Ops& ops, const SessionOptions& options, KvCache cache);
  Status pass(std::span<const int32_t> ids, LogitRows rows);

  const Model* model_;
  Ops* ops_;
  SessionOptions options_;
  KvCache cache_;
  int32_t id_;
  std::vector<int32_t> tokens_;
  std::vector<float> logits_;
};

}  // namespace kilter
