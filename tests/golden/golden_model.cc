#include "golden_model.h"

#include <gtest/gtest.h>

#include <numeric>

#include "backend/reference/reference_ops.h"
#include "observe/listing_ops.h"

namespace kilter::golden {

Batch batch_of(std::span<const int32_t> ids, int32_t sequence, int64_t first_position) {
  Batch batch;
  batch.tokens.assign(ids.begin(), ids.end());
  batch.positions.resize(ids.size());
  std::iota(batch.positions.begin(), batch.positions.end(), static_cast<int32_t>(first_position));
  batch.sequences.assign(ids.size(), sequence);
  batch.logit_rows.resize(ids.size());
  std::iota(batch.logit_rows.begin(), batch.logit_rows.end(), 0);
  return batch;
}

GoldenModel::GoldenModel(const std::string& path, int n_threads)
    : GoldenModel(path, std::make_unique<reference::ReferenceOps>(n_threads)) {}

GoldenModel::GoldenModel(const std::string& path, std::unique_ptr<Ops> ops) : ops_(std::move(ops)) {
  Result<gguf::File> file = gguf::File::open(path);
  if (!file.ok()) {
    ADD_FAILURE() << file.error().message();
    return;
  }
  Result<Model> model = load_model(std::make_shared<const gguf::File>(std::move(file).value()));
  if (!model.ok()) {
    ADD_FAILURE() << model.error().message();
    return;
  }
  model_ = std::make_unique<Model>(std::move(model).value());
  EXPECT_TRUE(ops_->prepare(model_->weights(), {}).ok());
}

KvCache GoldenModel::new_cache(int64_t n_blocks) {
  Result<KvCache> cache = KvCache::create(ops_->device(), *model_, n_blocks);
  EXPECT_TRUE(cache.ok());
  return std::move(cache).value();
}

std::vector<float> GoldenModel::pass(const KvCache& kv, const Batch& batch, Ops& observer) {
  ListingOps listing;
  Activations shapes(listing.workspace(), *model_, batch);
  forward(listing, *model_, batch, kv, shapes);
  EXPECT_TRUE(ops_->workspace().reserve(ops_->device(), listing.workspace().peak()).ok());

  const Workspace::Scope scratch(ops_->workspace());
  Activations activations(ops_->workspace(), *model_, batch);
  forward(observer, *model_, batch, kv, activations);
  std::vector<float> logits(static_cast<size_t>(activations.logits.shape.elements()));
  ops_->device().read_back(activations.logits, logits);
  EXPECT_TRUE(ops_->device().finish().ok());
  return logits;
}

std::vector<float> GoldenModel::feed(KvCache& kv, int32_t sequence, std::span<const int32_t> ids) {
  const int64_t have = kv.length(sequence);
  EXPECT_TRUE(kv.extend(sequence, static_cast<int64_t>(ids.size())).ok());
  return pass(kv, batch_of(ids, sequence, have));
}

std::vector<float> GoldenModel::logits(std::span<const int32_t> ids) {
  KvCache kv = new_cache(KvCache::blocks_for(static_cast<int64_t>(ids.size())));
  return feed(kv, kv.add_sequence(), ids);
}

}  // namespace kilter::golden
