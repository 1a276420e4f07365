// One sequence of tokens on one backend: feeds it through the forward pass in chunks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/batch_of.h"
#include "kilter/engine.h"
#include "model/forward.h"

namespace kilter {

/// How a feed goes; callbacks may be empty.
struct FeedOptions {
  LogitRows rows = LogitRows::last;
  /// Called after each pass with the number of tokens done; Go::stop ends the feed there.
  std::function<Go(int64_t done)> progress;
  /// Given the logits of each pass: [R, V], one row after the other.
  std::function<void(std::span<const float> logits)> take_logits;
};

/// Keeps references to the model and the ops, which must outlive it. The ops may be a wrapper that observes.
class Sequence {
 public:
  /// Errors: usage (options out of range), memory.
  static Result<Sequence> create(const Model& model, Ops& ops, const SessionOptions& options);

  /// Appends tokens. Errors: usage, memory, interrupted, errors of the device. What was
  /// appended before an error stays.
  Status feed(std::span<const int32_t> ids, const FeedOptions& options);

  /// Forgets the tokens from `length` on.
  void rewind(int64_t length);

  /// [V] of the last token; empty before the first feed and after a rewind.
  std::span<const float> logits() const {
    return std::span(logits_).last(std::min(logits_.size(), static_cast<size_t>(model_->n_vocab())));
  }
  const std::vector<int32_t>& tokens() const { return tokens_; }
  int64_t n_ctx() const { return options_.n_ctx; }

 private:
  Sequence(const Model& model, Ops& ops, const SessionOptions& options, KvCache cache);
  Status pass(std::span<const int32_t> ids, const FeedOptions& options);

  const Model* model_;
  Ops* ops_;
  SessionOptions options_;
  KvCache cache_;
  int32_t id_;
  std::vector<int32_t> tokens_;
  std::vector<float> logits_;  // [R, V] of the last pass
};

}  // namespace kilter
