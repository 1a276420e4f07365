// An engine that is not the replay: the forward pass in several passes with a cache, dumped value by value.
#pragma once

#include <functional>
#include <limits>
#include <numeric>
#include <set>

#include "observe/recording_ops.h"
#include "op_bugs_support.h"

namespace kilter::analysis {

/// What the engine does to a value that it has made: `values` are [tokens of the pass, row...], the first of
/// token `first`.
using Change = std::function<void(At at, int64_t first, std::span<float> values)>;

/// Changes values where they lie, so that later ops read what was changed.
class ChangingOps final : public OpsWrapper {
 public:
  ChangingOps(Ops& inner, Change change) : OpsWrapper(inner), change_(std::move(change)) {}
  int64_t first_token = 0;

 protected:
  void call(const OpCall& c) override {
    OpsWrapper::call(c);
    if (!change_) return;
    if (!c.is_kv_store()) return change_(c.at, first_token, all_of(*c.y));
    const std::vector<int64_t> stored = c.stored_rows();
    for (size_t i = 0; i < stored.size(); ++i) {
      change_(c.at, first_token + static_cast<int64_t>(i), all_of(rows_of(*c.y, stored[i], 1)));
    }
  }

 private:
  // The reference backend's memory is the host's.
  static std::span<float> all_of(const Tensor& x) {
    return {x.data, static_cast<size_t>(x.shape.elements())};
  }

  Change change_;
};

/// Its dump, in the layout of dump.h.
class EngineDump final : public ValueSink {
 public:
  EngineDump(std::vector<int64_t> passes, std::vector<int32_t> tokens) {
    dump_.path = "engine.safetensors";
    dump_.passes = std::move(passes);
    dump_.tokens = std::move(tokens);
  }
  int64_t first_token = 0;

  bool wants(At) override { return true; }
  void take(At at, const Shape& shape, std::span<const float> values) override {
    Observed& o = dump_.values[at];
    std::vector<float>& kept = kept_[at];
    o.at = at;
    o.complete = true;
    const bool scores = at.point == Point::attn_scores || at.point == Point::attn_softmax;
    const auto tokens = static_cast<int64_t>(dump_.tokens.size());
    o.shape.assign(shape.extent.begin() + 1, shape.extent.begin() + shape.rank);
    if (scores) o.shape.back() = tokens;
    // A pass looks at the positions up to its last; the dump's rows are as long as the run.
    const auto width = static_cast<size_t>(shape[shape.rank - 1]);
    for (size_t begin = 0; begin < values.size(); begin += width) {
      kept.insert(kept.end(), values.begin() + static_cast<std::ptrdiff_t>(begin),
                  values.begin() + static_cast<std::ptrdiff_t>(begin + width));
      if (!scores) continue;
      const float hidden = at.point == Point::attn_scores ? -std::numeric_limits<float>::infinity() : 0;
      kept.insert(kept.end(), static_cast<size_t>(tokens) - width, hidden);
    }
    for (int64_t i = 0; i < shape[0]; ++i) o.rows.push_back(static_cast<int32_t>(first_token + i));
  }

  Dump finish() {
    for (auto& [at, o] : dump_.values) {
      o.load = [values = kept_[at]]() -> Result<Elements> { return Elements{values, {}}; };
    }
    return std::move(dump_);
  }

 private:
  Dump dump_;
  std::map<At, std::vector<float>, AtOrder> kept_;
};

/// Runs the model on those ids and dumps every value. All rows get logits.
inline Dump dump_of(const Model& model, const std::vector<int32_t>& ids, const std::vector<int64_t>& passes,
                    const Change& change = {}) {
  reference::ReferenceOps ops(1);
  EXPECT_TRUE(ops.workspace().reserve(ops.device(), 1 << 18).ok());
  EngineDump sink(passes, ids);
  ChangingOps changing(ops, change);
  RecordingOps recording(changing, sink);
  Result<KvCache> cache = KvCache::create(ops.device(), model, 4);
  EXPECT_TRUE(cache.ok());
  const int32_t sequence = cache->add_sequence();
  int32_t first = 0;
  for (const int64_t n : passes) {
    EXPECT_TRUE(cache->extend(sequence, n).ok());
    Batch batch;
    for (int32_t i = 0; i < n; ++i) {
      batch.tokens.push_back(ids[static_cast<size_t>(first + i)]);
      batch.positions.push_back(first + i);
      batch.sequences.push_back(sequence);
      batch.logit_rows.push_back(i);
    }
    changing.first_token = sink.first_token = first;
    const Workspace::Scope scratch(ops.workspace());
    Activations a(ops.workspace(), model, batch);
    forward(recording, model, batch, *cache, a);
    first += static_cast<int32_t>(n);
  }
  return sink.finish();
}

/// A small model, and what engines dump of it on six ids: a prompt of four and two steps.
class SmallRun {
 public:
  explicit SmallRun(const SmallShape& shape = {})
      : model_(shape), graph_(analysis::graph_of(*model_)), ops_(1) {
    replay_model_.graph = &graph_;
    replay_model_.weight = [this](std::string_view name) { return model_.find(name); };
  }

  Dump dump(const Change& change = {}) const { return dump(*model_, change); }
  static Dump dump(const Model& engine, const Change& change = {}) {
    return dump_of(engine, {3, 14, 25, 36, 7, 18}, {4, 1, 1}, change);
  }

  const SmallModel& model() const { return model_; }
  const Graph& graph() const { return graph_; }
  const ReplayModel& replay_model() const { return replay_model_; }
  Ops& ops() { return ops_; }

 private:
  SmallModel model_;
  Graph graph_;
  reference::ReferenceOps ops_;
  ReplayModel replay_model_;
};

inline std::vector<float> values_of(const Dump& dump, At at) { return dump.values.at(at).load()->values; }

/// Puts other numbers in place of a value of the dump.
inline void show(Dump& dump, At at, std::vector<float> values, std::vector<uint8_t> known = {}) {
  Observed& o = dump.values.at(at);
  o.complete = known.empty();
  o.load = [values = std::move(values), known = std::move(known)]() -> Result<Elements> {
    return Elements{values, known};
  };
}

/// Leaves only these values in the dump.
inline void keep_only(Dump& dump, const std::set<At, AtOrder>& kept) {
  std::erase_if(dump.values, [&](const auto& entry) { return !kept.contains(entry.first); });
}

}  // namespace kilter::analysis
