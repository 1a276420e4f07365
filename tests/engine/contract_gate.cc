#include "contract_gate.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "engine/backend_choice.h"
#include "engine/batch_of.h"
#include "engine/list_forward.h"
#include "model/forward.h"
#include "observe/listing_ops.h"

namespace kilter::gate {
namespace {

// Scratch for this very batch, as expanded stages take it: enough for fused ones too.
int64_t scratch_of(const Model& model, const KvCache& kv, const Batch& batch) {
  ListingOps listing;
  Activations shapes(listing.workspace(), model, batch);
  forward(listing, model, batch, kv, shapes);
  return listing.workspace().peak();
}

KvCache new_cache(Ops& ops, const Model& model, int64_t blocks) {
  Result<KvCache> cache = KvCache::create(ops.device(), model, blocks);
  EXPECT_TRUE(cache.ok());
  return std::move(cache).value();
}

}  // namespace

GateModel::GateModel(const RandomModelRequest& request) {
  const std::string path = testing::TempDir() + "kilter_gate_" + std::to_string(getpid()) + ".gguf";
  ThreadPool threads(2);
  const auto written =
      write_random_model(request, path, threads, [](uint64_t, uint64_t) { return Status(); });
  if (!written.ok()) {
    ADD_FAILURE() << written.error().message();
    return;
  }
  load(path);
  std::remove(path.c_str());  // what is mapped stays readable
}

GateModel::GateModel(const std::string& path) { load(path); }

void GateModel::load(const std::string& path) {
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
}

std::vector<int32_t> GateModel::random_ids(int64_t n) const {
  std::mt19937 random(3);
  std::vector<int32_t> ids(static_cast<size_t>(n));
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % static_cast<uint32_t>(n_vocab()));
  return ids;
}

std::unique_ptr<Ops> GateModel::backend(const LoadOptions& options) const {
  Result<std::unique_ptr<Ops>> ops = make_backend(options);
  EXPECT_TRUE(ops.ok()) << ops.error().message();
  EXPECT_TRUE(prepare_backend(**ops, *model_, options).ok());
  return std::move(ops).value();
}

Logits GateModel::pass(Ops& ops, const KvCache& kv, const Batch& batch) const {
  EXPECT_TRUE(ops.workspace().reserve(ops.device(), scratch_of(*model_, kv, batch)).ok());
  const Workspace::Scope scratch(ops.workspace());
  Activations activations(ops.workspace(), *model_, batch);
  forward(ops, *model_, batch, kv, activations);
  Logits logits(static_cast<size_t>(activations.logits.shape.elements()));
  ops.device().read_back(activations.logits, logits);
  EXPECT_TRUE(ops.device().finish().ok());
  return logits;
}

Logits GateModel::logits(Ops& ops, std::span<const int32_t> ids, const std::vector<int64_t>& passes) const {
  const auto n = static_cast<int64_t>(ids.size());
  KvCache kv = new_cache(ops, *model_, KvCache::blocks_for(n));
  const int32_t sequence = kv.add_sequence();
  Logits all;
  int64_t begin = 0;
  for (size_t i = 0; begin < n; ++i) {
    const int64_t count = std::min(passes[i % passes.size()], n - begin);
    EXPECT_TRUE(kv.extend(sequence, count).ok());
    const auto piece = ids.subspan(static_cast<size_t>(begin), static_cast<size_t>(count));
    const Logits rows = pass(ops, kv, batch_of(piece, sequence, begin, LogitRows::all));
    all.insert(all.end(), rows.begin(), rows.end());
    begin += count;
  }
  return all;
}

Logits GateModel::logits_among_neighbours(Ops& ops, const std::vector<int32_t>& ids) const {
  std::vector<std::vector<int32_t>> prompts(3, ids);
  std::reverse(prompts[0].begin(), prompts[0].end());
  prompts[2].resize(ids.size() / 3);
  KvCache kv = new_cache(ops, *model_, 3 * KvCache::blocks_for(static_cast<int64_t>(ids.size())));
  std::vector<int32_t> owner;  // which prompt each row belongs to
  for (size_t s = 0; s < prompts.size(); ++s) {
    kv.add_sequence();
    owner.insert(owner.end(), prompts[s].size(), static_cast<int32_t>(s));
  }
  std::mt19937 random(11);
  std::shuffle(owner.begin(), owner.end(), random);
  Batch batch;
  for (const int32_t s : owner) {
    const auto position = static_cast<size_t>(kv.length(s));
    EXPECT_TRUE(kv.extend(s, 1).ok());
    if (s == 1) batch.logit_rows.push_back(static_cast<int32_t>(batch.size()));
    batch.tokens.push_back(prompts[static_cast<size_t>(s)][position]);
    batch.positions.push_back(static_cast<int32_t>(position));
    batch.sequences.push_back(s);
  }
  return pass(ops, kv, batch);
}

std::pair<int64_t, Logits> GateModel::logits_behind_shared_prefix(Ops& ops,
                                                                  const std::vector<int32_t>& ids) const {
  const auto n = static_cast<int64_t>(ids.size());
  KvCache kv = new_cache(ops, *model_, 2 * KvCache::blocks_for(n));
  const int32_t parent = kv.add_sequence();
  EXPECT_TRUE(kv.extend(parent, n).ok());
  pass(ops, kv, batch_of(ids, parent, 0, LogitRows::last));
  const int32_t child = kv.fork(parent, n - 1);
  const int64_t shared = kv.length(child);
  EXPECT_TRUE(kv.extend(child, n - shared).ok());
  const auto rest = std::span(ids).subspan(static_cast<size_t>(shared));
  return {shared, pass(ops, kv, batch_of(rest, child, shared, LogitRows::all))};
}

}  // namespace kilter::gate
