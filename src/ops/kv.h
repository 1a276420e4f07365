// The keys and values of earlier tokens, as ops see them: pools of blocks, and
// a table of blocks per sequence.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace kilter {

/// Positions in a block of the cache: the attention tile of the arithmetic contract (rule 4).
/// It is a constant of the arithmetic, not a tuning knob: an attention that merges tiles
/// gives other bits for other tiles.
constexpr int32_t kKvBlock = 64;

/// Which pool of a layer.
enum class CachePart { keys, values };

/// One layer's memory. Slot s of block b is row b * kKvBlock + s. Numbers take Device::kv_value_bytes(), and
/// only the backend knows their order inside a block: others read a row with Ops::read_cached().
struct KvLayer {
  Tensor k;  ///< [blocks * kKvBlock, K, Hk]
  Tensor v;  ///< [blocks * kKvBlock, K, Hv]
};

/// Where each sequence keeps its positions: position p of sequence s is in block sequences[s][p / kKvBlock].
/// Sequences that share a prefix name the same blocks.
struct KvTables {
  std::vector<std::vector<int32_t>> sequences;

  /// Row of KvLayer::k and v that holds `position` of `sequence`.
  int64_t row(int32_t sequence, int32_t position) const {
    const auto& blocks = sequences[static_cast<size_t>(sequence)];
    return int64_t{blocks[static_cast<size_t>(position / kKvBlock)]} * kKvBlock + position % kKvBlock;
  }
};

/// What the attention of one layer needs of the cache.
struct KvView {
  KvLayer layer;
  const KvTables* tables = nullptr;
};

}  // namespace kilter
