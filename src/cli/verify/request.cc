#include "cli/verify/request.h"

#include "cli/interrupt.h"
#include "engine/backend_choice.h"
#include "engine/sequence.h"

namespace kilter::cli {

Result<std::unique_ptr<Ops>> loaded_backend(const VerifyRequest& request, const LoadOptions& options) {
  LoadOptions interruptible = options;
  interruptible.on_load = [](int64_t, int64_t) { return interrupted() ? Go::stop : Go::on; };
  KILTER_ASSIGN(std::unique_ptr<Ops> ops, make_backend(interruptible));
  KILTER_TRY(prepare_backend(*ops, request.loaded.model, interruptible));
  return ops;
}

Result<std::vector<float>> run_logits(const Model& model, Ops& ops, std::span<const int32_t> ids,
                                      int64_t chunk) {
  const SessionOptions session{.n_ctx = static_cast<int64_t>(ids.size()), .chunk = chunk};
  KILTER_ASSIGN(Sequence sequence, Sequence::create(model, ops, session));
  std::vector<float> logits;
  FeedOptions feed;
  feed.rows = LogitRows::all;
  feed.take_logits = [&](std::span<const float> rows) {
    logits.insert(logits.end(), rows.begin(), rows.end());
  };
  feed.progress = [](int64_t) { return interrupted() ? Go::stop : Go::on; };
  KILTER_TRY(sequence.feed(ids, feed));
  return logits;
}

}  // namespace kilter::cli
