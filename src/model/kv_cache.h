// The memory of attention: keys and values of the tokens that were computed, in
// blocks that sequences may share.
#pragma once

#include <cstdint>
#include <vector>

#include "kilter/result.h"
#include "model/model.h"
#include "ops/device.h"
#include "ops/kv.h"

namespace kilter {

/// Blocks of kKvBlock positions, handed to sequences as they grow (Kwon et al. 2023, section 4.1). A block
/// that several sequences name is never written: sharing stops at the last whole block, and whoever needs the
/// rest computes it again, to the same bits.
class KvCache {
 public:
  /// Room for `n_blocks` blocks over all sequences. Errors: memory.
  static Result<KvCache> create(Device& device, const Model& model, int64_t n_blocks);

  /// Blocks that one sequence of `positions` needs.
  static int64_t blocks_for(int64_t positions) { return (positions + kKvBlock - 1) / kKvBlock; }
  /// Bytes of one block over all layers, with numbers of `value_bytes`.
  static int64_t block_bytes(const Model& model, int64_t value_bytes);

  /// A new, empty sequence.
  int32_t add_sequence();
  /// A new sequence that starts as the first `length` positions of another. Returns its id; length() tells
  /// how many positions it really has: `length` rounded down to whole blocks.
  int32_t fork(int32_t sequence, int64_t length);
  /// Makes room for `n` more positions. Errors: memory, when all blocks are taken;
  /// the sequence is then unchanged.
  Status extend(int32_t sequence, int64_t n);
  /// Forgets the positions from `length` on. Returns the length that is left: less than asked, down to a
  /// whole block, where the last block is shared.
  int64_t rewind(int32_t sequence, int64_t length);
  /// Gives the blocks of a sequence back; its id may be handed out again.
  void remove(int32_t sequence);

  int64_t length(int32_t sequence) const { return lengths_[static_cast<size_t>(sequence)]; }
  int64_t free_blocks() const { return static_cast<int64_t>(free_.size()); }
  const KvTables& tables() const { return tables_; }
  KvView view(int il) const { return {layers_[static_cast<size_t>(il)], &tables_}; }

 private:
  KvCache() = default;
  void release_blocks(int32_t sequence, int64_t keep);

  DeviceMemory memory_;
  std::vector<KvLayer> layers_;
  KvTables tables_;
  std::vector<int64_t> lengths_;  // positions of each sequence
  std::vector<int32_t> idle_;     // ids of removed sequences
  std::vector<int32_t> users_;    // sequences that name each block
  std::vector<int32_t> free_;     // blocks that none names
};

}  // namespace kilter
