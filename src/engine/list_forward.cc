#include "engine/list_forward.h"

#include "engine/batch_of.h"
#include "model/forward.h"

namespace kilter {

Status list_forward(const Model& model, int64_t rows, int64_t n_ctx, ListingOps& ops) {
  KILTER_ASSIGN(KvCache cache, KvCache::create(ops.device(), model, KvCache::blocks_for(n_ctx)));
  const int32_t sequence = cache.add_sequence();
  KILTER_TRY(cache.extend(sequence, n_ctx));
  const std::vector<int32_t> ids(static_cast<size_t>(rows), 0);
  const Batch batch = batch_of(ids, sequence, n_ctx - rows, LogitRows::all);
  Activations activations(ops.workspace(), model, batch);
  forward(ops, model, batch, cache, activations);
  return {};
}

}  // namespace kilter
