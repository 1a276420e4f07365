// A run of tokens of one sequence as a batch.
#pragma once

#include <cstdint>
#include <span>

#include "ops/batch.h"

namespace kilter {

/// Which logits a pass computes.
enum class LogitRows {
  last,  ///< of the last token: enough to go on generating
  all,   ///< of every token: for tracing and scoring
};

/// `ids` (at least one) at first_position and after.
Batch batch_of(std::span<const int32_t> ids, int32_t sequence, int64_t first_position, LogitRows rows);

}  // namespace kilter
