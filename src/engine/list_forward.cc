#include "engine/list_forward.h"

#include "engine/batch_of.h"
#include "model/forward.h"
#include "observe/graph_ops.h"

namespace kilter {
namespace {

// The sizes of a pass, its bytes and its multiply-adds are counted in 64 bits. This bounds them all
// from above: a weight is used once a row, and a head meets a position in head_k + head_v
// multiply-adds and 16 bytes of scores.
Status check_countable(const Model& model, int64_t rows, int64_t n_ctx) {
  constexpr double kMost = 0x1p62;
  constexpr double kBytesOfScores = 16;
  constexpr double kBytesOfValues = 64;  // of all the values beside one weight's row
  const auto n_embd = static_cast<double>(model.config.n_embd);
  double weights = static_cast<double>(model.n_vocab()) * n_embd;
  double attention = 0;
  for (const Layer& w : model.layers) {
    const auto n_head = static_cast<double>(w.n_head);
    const auto widths = static_cast<double>(w.head_k + w.head_v);
    weights += n_embd * (2 * n_head * widths + 3 * static_cast<double>(w.n_ff));
    attention += n_head * (widths + kBytesOfScores);
  }
  const auto tokens = static_cast<double>(rows);
  const double most =
      kBytesOfValues * tokens * weights + (tokens + 4) * static_cast<double>(n_ctx) * attention;
  if (most < kMost) return {};
  return Error{ErrorCode::usage, "pass",
               std::to_string(rows) + " tokens at " + std::to_string(n_ctx) +
                   " positions are too much to be counted in 64 bits",
               "ask for fewer tokens or positions"};
}

// The pass without its results.
Status run_forward(const Model& model, int64_t rows, int64_t n_ctx, Ops& ops) {
  KILTER_TRY(check_countable(model, rows, n_ctx));
  KILTER_ASSIGN(KvCache cache, KvCache::create(ops.device(), model, KvCache::blocks_for(n_ctx)));
  const int32_t sequence = cache.add_sequence();
  KILTER_TRY(cache.extend(sequence, n_ctx));
  const std::vector<int32_t> ids(static_cast<size_t>(rows), 0);
  const Batch batch = batch_of(ids, sequence, n_ctx - rows, LogitRows::all);
  Activations activations(ops.workspace(), model, batch);
  forward(ops, model, batch, cache, activations);
  return {};
}

}  // namespace

Status list_forward(const Model& model, int64_t rows, int64_t n_ctx, ListingOps& ops) {
  return run_forward(model, rows, n_ctx, ops);
}

Result<int64_t> scratch_floats(const Model& model, int64_t rows, int64_t n_ctx, Stages stages) {
  ListingOps listing;
  OutlineOps outline;
  Ops& ops = stages == Stages::expanded ? static_cast<Ops&>(listing) : outline;
  KILTER_TRY(run_forward(model, rows, n_ctx, ops));
  return ops.workspace().peak();
}

Result<Graph> graph_of(const Model& model) {
  KILTER_ASSIGN(const int64_t floats, scratch_floats(model, 1, 1, Stages::expanded));
  GraphOps ops;
  KILTER_TRY(ops.workspace().reserve(ops.device(), floats));
  KILTER_TRY(run_forward(model, 1, 1, ops));
  return ops.graph();
}

}  // namespace kilter
