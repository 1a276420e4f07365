// What the tests of operation bugs share: a model of two layers, a right run of it as a dump, and a bug's
// trials.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "analysis/bugs/ops/op_bugs.h"
#include "analysis/replay/replay.h"
#include "backend/reference/reference_ops.h"
#include "base/philox.h"
#include "model/forward.h"
#include "observe/graph_ops.h"

namespace kilter::analysis {

using Row = std::vector<float>;

/// What a SmallModel is like. The default is a Llama with grouped heads.
struct SmallShape {
  int64_t heads = 4, heads_kv = 2, width = 8, n_rot = 8;
  RopePairs pairs = RopePairs::adjacent;
  bool biases = false;
  bool head_norms = false;
  std::vector<float> rope_freqs = {};  ///< factors of the frequencies; empty: none
  double magnitude = 1;
};

/// Two layers of random weights in f32.
class SmallModel {
 public:
  static constexpr int64_t kEmbd = 24, kFf = 20, kVocab = 40;
  static constexpr float kEps = 1e-5F;
  static constexpr double kBase = 10000;

  explicit SmallModel(const SmallShape& s) : shape(s) {
    model_.config.n_layer = 2;
    model_.config.n_embd = kEmbd;
    model_.token_embd = weight("token_embd.weight", kVocab, kEmbd);
    if (!s.rope_freqs.empty()) {
      Weight w = weight("rope_freqs.weight", 1, s.n_rot / 2);
      std::copy(s.rope_freqs.begin(), s.rope_freqs.end(), storage_.back().begin());
    }
    for (int il = 0; il < 2; ++il) model_.layers.push_back(layer("blk." + std::to_string(il) + "."));
    model_.head = {kEps, weight("output_norm.weight", 1, kEmbd), weight("output.weight", kVocab, kEmbd), {}};
  }
  SmallModel(const SmallModel&) = delete;
  SmallModel& operator=(const SmallModel&) = delete;

  const Model& operator*() const { return model_; }
  const Weight* find(std::string_view name) const {
    const auto found = weights_.find(std::string(name));
    return found == weights_.end() ? nullptr : &found->second;
  }
  /// A weight's numbers.
  const std::vector<float>& numbers(const std::string& name) const { return *values_.at(name); }

  const SmallShape shape;

 private:
  Weight weight(const std::string& name, int64_t rows, int64_t cols) {
    std::vector<float>& values = storage_.emplace_back(static_cast<size_t>(rows * cols));
    for (float& v : values) v = 1.2F * (static_cast<float>(philox_uniform(7, drawn_++)) - 0.5F);
    Weight w;
    w.name = name;
    w.rows = rows;
    w.cols = cols;
    w.bytes = std::as_bytes(std::span(values));
    weights_[name] = w;
    values_[name] = &values;
    return w;
  }

  Rope rope() const {
    Rope r{shape.pairs, shape.n_rot, {}, shape.magnitude};
    for (int64_t i = 0; i < shape.n_rot / 2; ++i) {
      const double power = -2.0 * static_cast<double>(i) / static_cast<double>(shape.n_rot);
      r.frequency.push_back(std::pow(kBase, power));
      if (!shape.rope_freqs.empty()) r.frequency.back() /= double{shape.rope_freqs[static_cast<size_t>(i)]};
    }
    return r;
  }

  Layer layer(const std::string& p) {
    Layer w;
    const int64_t q = shape.heads * shape.width;
    const int64_t kv = shape.heads_kv * shape.width;
    w.n_head = shape.heads, w.n_head_kv = shape.heads_kv, w.head_k = shape.width, w.head_v = shape.width;
    w.n_ff = kFf, w.rms_eps = kEps;
    w.attn_scale = static_cast<float>(1 / std::sqrt(static_cast<double>(shape.width)));
    w.rope = rope();
    w.attn_norm = weight(p + "attn_norm.weight", 1, kEmbd);
    w.attn_q = weight(p + "attn_q.weight", q, kEmbd);
    w.attn_k = weight(p + "attn_k.weight", kv, kEmbd);
    w.attn_v = weight(p + "attn_v.weight", kv, kEmbd);
    if (shape.biases) {
      w.attn_q_bias = weight(p + "attn_q.bias", 1, q);
      w.attn_k_bias = weight(p + "attn_k.bias", 1, kv);
      w.attn_v_bias = weight(p + "attn_v.bias", 1, kv);
    }
    if (shape.head_norms) {
      w.attn_q_norm = weight(p + "attn_q_norm.weight", 1, shape.width);
      w.attn_k_norm = weight(p + "attn_k_norm.weight", 1, shape.width);
    }
    w.attn_output = weight(p + "attn_output.weight", kEmbd, q);
    w.ffn_norm = weight(p + "ffn_norm.weight", 1, kEmbd);
    w.ffn_gate = weight(p + "ffn_gate.weight", kFf, kEmbd);
    w.ffn_up = weight(p + "ffn_up.weight", kFf, kEmbd);
    w.ffn_down = weight(p + "ffn_down.weight", kEmbd, kFf);
    return w;
  }

  std::deque<std::vector<float>> storage_;
  std::map<std::string, Weight> weights_;
  std::map<std::string, const std::vector<float>*> values_;
  uint64_t drawn_ = 0;
  Model model_;
};

/// The graph of one pass.
inline Graph graph_of(const Model& model) {
  GraphOps ops;
  EXPECT_TRUE(ops.workspace().reserve(ops.device(), 1 << 18).ok());
  Result<KvCache> cache = KvCache::create(ops.device(), model, 1);
  const int32_t sequence = cache->add_sequence();
  EXPECT_TRUE(cache->extend(sequence, 2).ok());
  const Batch batch{{1, 2}, {0, 1}, {sequence, sequence}, {1}};
  const Workspace::Scope scratch(ops.workspace());
  Activations a(ops.workspace(), model, batch);
  forward(ops, model, batch, *cache, a);
  return ops.graph();
}

/// A right run, dumped in full, as somebody else's engine would have it.
class BugRun {
 public:
  explicit BugRun(const SmallShape& shape = {}, std::vector<int64_t> passes = {4, 1, 1})
      : model_(shape), graph_(graph_of(*model_)), ops_(1) {
    dump_.passes = std::move(passes);
    for (const int64_t n : dump_.passes) {
      for (int64_t i = 0; i < n; ++i) {
        dump_.tokens.push_back(static_cast<int32_t>((dump_.tokens.size() * 11 + 3) % SmallModel::kVocab));
      }
    }
    replay_model_.graph = &graph_;
    replay_model_.weight = [this](std::string_view name) { return model_.find(name); };
    std::map<At, Row, AtOrder> values;
    {
      Replay right(ops_, replay_model_, dump_);
      for (const Node& node : graph_.nodes()) {
        const auto y = right.expected(node.at, {}, {}, Inputs::computed);
        EXPECT_TRUE(y.ok());
        if (y.ok()) values[node.at] = *y;
      }
    }
    for (const Node& node : graph_.nodes()) {
      const bool of_head = node.at.il < 0 && node.at.point != Point::token_embd;
      show(node.at, values[node.at], of_head ? std::vector<int32_t>{last()} : all_rows());
    }
    right_ = std::move(values);
    replay_ = std::make_unique<Replay>(ops_, replay_model_, dump_);
  }

  const SmallModel& model() const { return model_; }
  const SmallShape& shape() const { return model_.shape; }
  const Graph& graph() const { return graph_; }
  Replay& replay() { return *replay_; }
  const Row& right(At at) const { return right_.at(at); }
  int64_t tokens() const { return static_cast<int64_t>(dump_.tokens.size()); }
  const std::vector<int32_t>& ids() const { return dump_.tokens; }
  int32_t last() const { return static_cast<int32_t>(dump_.tokens.size()) - 1; }
  const Dump& dump() const { return dump_; }

  /// Trials of a bug for a value that was seen so, all else being right and known.
  std::vector<Trial> trials(const Bug& bug, At at, const Row& seen) {
    seen_ = {seen, {}};
    segment_ = replay_->segment(at, Inputs::dumped);
    return bug.trials(suspect(at, Inputs::dumped));
  }
  /// The same where only the logits are known.
  std::vector<Trial> trials_of_whole_run(const Bug& bug, const Row& logits) {
    seen_ = {logits, {}};
    const At at = kilter::at(Point::logits);
    segment_ = replay_->segment(at, Inputs::computed);
    return bug.trials(suspect(at, Inputs::computed));
  }
  /// The value under a trial: from right inputs (dumped), or of a whole run with it.
  Result<Row> under(const Trial& trial, At at, Inputs inputs = Inputs::dumped) {
    return replay_->expected(at, {}, Scenario{{trial.mutation}, {}}, inputs);
  }

 private:
  std::vector<int32_t> all_rows() const {
    std::vector<int32_t> rows;
    for (int32_t t = 0; t <= last(); ++t) rows.push_back(t);
    return rows;
  }

  Suspect suspect(At at, Inputs inputs) {
    Suspect s;
    s.node = graph_.find(at);
    s.rows = replay_->rows(at);
    s.seen = &seen_;
    s.view = &replay_->view({}, inputs);
    s.segment = segment_;
    s.dump = &dump_;
    return s;
  }

  void show(At at, const Row& values, std::vector<int32_t> rows) {
    Observed o;
    o.at = at;
    o.rows = std::move(rows);
    o.shape = {static_cast<int64_t>(values.size() / o.rows.size())};
    o.complete = true;
    o.load = [values]() -> Result<Elements> { return Elements{values, {}}; };
    dump_.values[at] = std::move(o);
  }

  SmallModel model_;
  Graph graph_;
  reference::ReferenceOps ops_;
  Dump dump_;
  ReplayModel replay_model_;
  std::map<At, Row, AtOrder> right_;
  std::unique_ptr<Replay> replay_;
  Elements seen_;
  std::vector<const Node*> segment_;
};

inline const Bug& bug_named(std::string_view id) {
  for (const Bug* bug : op_bugs()) {
    if (bug->info().id == id) return *bug;
  }
  ADD_FAILURE() << "there is no bug " << id;
  return *op_bugs()[0];
}

/// Both were computed in f64 from the same f32 numbers and rounded a few times on the way (scores, softmax,
/// mix), so they are equal to some 2^-24 of the largest number.
inline bool same(const Row& a, const Row& b) {
  if (a.size() != b.size()) return false;
  float largest = 0;
  for (const float x : b) largest = std::isfinite(x) ? std::max(largest, std::abs(x)) : largest;
  const float bound = largest * 0x1p-20F;
  for (size_t i = 0; i < a.size(); ++i) {
    const bool equal =
        a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])) || std::abs(a[i] - b[i]) <= bound;
    if (!equal) return false;
  }
  return true;
}

/// The bug offers a trial whose detail has those words and which gives `expected`; and that is not the right
/// value.
inline void expect_bug(BugRun& run, std::string_view id, At at, std::string_view words, const Row& expected,
                       Inputs inputs = Inputs::dumped) {
  SCOPED_TRACE(std::string(id) + " [" + std::string(words) + "] at " + to_string(at));
  EXPECT_FALSE(same(expected, run.right(at))) << "the expectation is the right value";
  std::string details;
  for (const Trial& trial : run.trials(bug_named(id), at, expected)) {
    details += "\n  " + trial.detail;
    if (trial.detail.find(words) == std::string::npos) continue;
    const Result<Row> y = run.under(trial, at, inputs);
    if (y.ok() && same(*y, expected)) return;
    details += y.ok() ? " (gives other numbers)" : " (" + y.error().message() + ")";
  }
  ADD_FAILURE() << "no such trial gives the expected numbers. Offered:" << details;
}

}  // namespace kilter::analysis
