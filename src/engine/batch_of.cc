#include "engine/batch_of.h"

#include <numeric>

namespace kilter {

Batch batch_of(std::span<const int32_t> ids, int32_t sequence, int64_t first_position, LogitRows rows) {
  Batch batch;
  batch.tokens.assign(ids.begin(), ids.end());
  batch.positions.resize(ids.size());
  std::iota(batch.positions.begin(), batch.positions.end(), static_cast<int32_t>(first_position));
  batch.sequences.assign(ids.size(), sequence);
  if (rows == LogitRows::all) {
    batch.logit_rows.resize(ids.size());
    std::iota(batch.logit_rows.begin(), batch.logit_rows.end(), 0);
  } else {
    batch.logit_rows = {static_cast<int32_t>(ids.size()) - 1};
  }
  return batch;
}

}  // namespace kilter
