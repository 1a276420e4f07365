// What one forward pass is asked to do: rows of tokens, each with its sequence and its position.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace kilter {

/// T rows. Rows of one sequence stand in ascending position; rows of different sequences may be mixed.
struct Batch {
  std::vector<int32_t> tokens;      ///< [T] token ids, each in [0, V)
  std::vector<int32_t> positions;   ///< [T] from 0
  std::vector<int32_t> sequences;   ///< [T] index into KvTables::sequences
  std::vector<int32_t> logit_rows;  ///< [R] rows whose logits are wanted, ascending

  int64_t size() const { return static_cast<int64_t>(tokens.size()); }

  /// L: the positions that the longest row may see, its own included. 0 for a batch without rows.
  int64_t visible_positions() const {
    return positions.empty() ? 0 : 1 + int64_t{*std::max_element(positions.begin(), positions.end())};
  }
};

}  // namespace kilter
