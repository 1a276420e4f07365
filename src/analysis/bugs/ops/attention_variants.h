// Attention over explicit keys: which cached rows a query sees, in which slot of the scores, and where a
// head's key and value begin. All bugs of masks, caches and heads are made from it.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "analysis/bugs/ops/op_bug.h"
#include "analysis/bugs/ops/passes.h"

namespace kilter::analysis {

/// The extents of one layer's attention.
struct AttentionShape {
  int64_t tokens = 0;    ///< T, and the slots of a row of scores
  int64_t heads = 0;     ///< H
  int64_t heads_kv = 0;  ///< K
};

/// A row of the cache that a query sees.
struct SeenKey {
  int64_t slot = 0;    ///< its column of the scores
  int64_t row = 0;     ///< the token whose key and value are read; kZeros for a row that was never written
  bool other = false;  ///< from AttentionVariant::other instead of the layer's own cache
  static constexpr int64_t kZeros = -1;
};

/// What one query sees.
struct Sight {
  std::vector<SeenKey> keys;
  double zero_keys = 0;  ///< more keys of zeros, which have no slot: the rest of an allocated cache
};

using SightOf = std::function<Sight(int64_t token, std::span<const int64_t> passes, const AttentionShape&)>;
/// Which kv head a query head reads. A head from heads_kv on lies in the next token's row, and beyond the
/// last row there are zeros.
using HeadOf = std::function<int64_t(int64_t head, const AttentionShape&)>;

/// Rows of another cache: [T, K, width].
struct OtherCache {
  Numbers keys;
  Numbers values;
};

struct AttentionVariant {
  SightOf sight;  ///< null: keys 0 .. token, each in its own slot
  HeadOf head;    ///< null: head / (H / K)
  std::shared_ptr<const OtherCache> other = nullptr;
};

/// The right sight: keys 0 .. token.
Sight causal_sight(int64_t token);
/// The same rows for every query: [first, end).
Sight sight_of_range(int64_t first, int64_t end);

/// A change of scores, softmax and mix together, so that it holds whichever of them is computed.
Variant attention_variant(AttentionVariant how, std::string detail);

/// The three computations, for a change of one of them.
Compute scores_with(AttentionVariant how);
Compute softmax_with(AttentionVariant how);
Compute mix_with(AttentionVariant how);

}  // namespace kilter::analysis
