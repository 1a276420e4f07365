#include "engine/sequence.h"

#include <algorithm>

#include "engine/backend_choice.h"
#include "engine/list_forward.h"
#include "engine/loaded_model.h"

namespace kilter {
namespace {

Status check_options(const SessionOptions& options) {
  constexpr int64_t kLargest = int64_t{1} << 30;
  if (options.n_ctx < 1 || options.n_ctx > kLargest) {
    return Error{ErrorCode::usage, "--ctx", std::to_string(options.n_ctx) + " positions are not possible",
                 "choose from 1 to " + std::to_string(kLargest)};
  }
  if (options.chunk < 1) {
    return Error{ErrorCode::usage, "--chunk",
                 std::to_string(options.chunk) + " tokens a pass are not possible", "choose 1 or more"};
  }
  return {};
}

}  // namespace

Result<Sequence> Sequence::create(const Model& model, Ops& ops, const SessionOptions& wanted) {
  SessionOptions options = wanted;
  if (options.n_ctx == 0) options.n_ctx = model.config.n_ctx_train;
  if (options.chunk == 0) options.chunk = default_chunk(ops);
  KILTER_TRY(check_options(options));
  options.chunk = std::min(options.chunk, options.n_ctx);
  KILTER_ASSIGN(const int64_t scratch, scratch_floats(model, options.chunk, options.n_ctx, ops.stages()));
  KILTER_TRY(ops.workspace().reserve(ops.device(), scratch));
  KILTER_ASSIGN(KvCache cache, KvCache::create(ops.device(), model, KvCache::blocks_for(options.n_ctx)));
  return Sequence(model, ops, options, std::move(cache));
}

Sequence::Sequence(const Model& model, Ops& ops, const SessionOptions& options, KvCache cache)
    : model_(&model), ops_(&ops), options_(options), cache_(std::move(cache)), id_(cache_.add_sequence()) {}

Status Sequence::feed(std::span<const int32_t> ids, const FeedOptions& options) {
  KILTER_TRY(check_ids(*model_, ids));
  const auto have = static_cast<int64_t>(tokens_.size());
  const auto more = static_cast<int64_t>(ids.size());
  if (have + more > options_.n_ctx) {
    return Error{ErrorCode::usage, "context",
                 std::to_string(have + more) + " tokens do not fit into " + std::to_string(options_.n_ctx) +
                     " positions",
                 "shorten the prompt, or ask for more with --ctx"};
  }
  for (int64_t begin = 0; begin < more; begin += options_.chunk) {
    const int64_t n = std::min(options_.chunk, more - begin);
    KILTER_TRY(pass(ids.subspan(static_cast<size_t>(begin), static_cast<size_t>(n)), options));
    if (options.progress && options.progress(begin + n) == Go::stop && begin + n < more) {
      return Error{ErrorCode::interrupted, "",
                   "stopped after " + std::to_string(begin + n) + " of " + std::to_string(more) + " tokens",
                   ""};
    }
  }
  return {};
}

Status Sequence::pass(std::span<const int32_t> ids, const FeedOptions& options) {
  KILTER_TRY(cache_.extend(id_, static_cast<int64_t>(ids.size())));
  const Batch batch = batch_of(ids, id_, static_cast<int64_t>(tokens_.size()), options.rows);
  const Workspace::Scope scratch(ops_->workspace());
  Activations activations(ops_->workspace(), *model_, batch);
  forward(*ops_, *model_, batch, cache_, activations);

  logits_.resize(static_cast<size_t>(activations.logits.shape.elements()));
  ops_->device().read_back(activations.logits, logits_);
  if (Status done = ops_->device().finish(); !done.ok()) {
    cache_.rewind(id_, static_cast<int64_t>(tokens_.size()));
    logits_.clear();
    return done;
  }
  tokens_.insert(tokens_.end(), ids.begin(), ids.end());
  if (options.take_logits) options.take_logits(logits_);
  return {};
}

void Sequence::rewind(int64_t length) {
  tokens_.resize(static_cast<size_t>(cache_.rewind(id_, length)));
  logits_.clear();
}

}  // namespace kilter
