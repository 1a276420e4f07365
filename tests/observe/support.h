// What the tests of observers share: a model small enough to write down, and a pass over it.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend/reference/reference_ops.h"
#include "base/philox.h"
#include "model/forward.h"

namespace kilter {

/// Two layers with every optional weight: grouped heads, head widths that are not n_embd / n_head, biases,
/// head norms, an output bias. So every point has its value.
class TinyModel {
 public:
  static constexpr int64_t kEmbd = 12, kHead = 4, kHeadKv = 2, kWidthK = 6, kWidthV = 4, kFf = 10, kVocab = 9;

  TinyModel() {
    model_.config.n_layer = 2;
    model_.config.n_embd = kEmbd;
    model_.token_embd = weight("token_embd.weight", kVocab, kEmbd);
    for (int il = 0; il < 2; ++il) model_.layers.push_back(layer("blk." + std::to_string(il) + "."));
    model_.head = {1e-5F, weight("output_norm.weight", 1, kEmbd), weight("output.weight", kVocab, kEmbd),
                   weight("output.bias", 1, kVocab)};
  }
  TinyModel(const TinyModel&) = delete;
  TinyModel& operator=(const TinyModel&) = delete;

  const Model& operator*() const { return model_; }
  const Model* operator->() const { return &model_; }

  Weight weight(const std::string& name, int64_t rows, int64_t cols) {
    std::vector<float>& values = storage_.emplace_back(static_cast<size_t>(rows * cols));
    for (float& v : values) v = static_cast<float>(philox_uniform(1, drawn_++)) - 0.5F;
    Weight w;
    w.name = name;
    w.rows = rows;
    w.cols = cols;
    w.bytes = std::as_bytes(std::span(values));
    return w;
  }

 private:
  Layer layer(const std::string& p) {
    Layer w;
    w.n_head = kHead, w.n_head_kv = kHeadKv, w.head_k = kWidthK, w.head_v = kWidthV, w.n_ff = kFf;
    w.rms_eps = 1e-5F;
    w.attn_scale = 0.4F;
    w.rope = {RopePairs::adjacent, 4, {1.0, 0.1}, 1.0};
    w.attn_norm = weight(p + "attn_norm.weight", 1, kEmbd);
    w.attn_q = weight(p + "attn_q.weight", kHead * kWidthK, kEmbd);
    w.attn_k = weight(p + "attn_k.weight", kHeadKv * kWidthK, kEmbd);
    w.attn_v = weight(p + "attn_v.weight", kHeadKv * kWidthV, kEmbd);
    w.attn_q_bias = weight(p + "attn_q.bias", 1, kHead * kWidthK);
    w.attn_k_bias = weight(p + "attn_k.bias", 1, kHeadKv * kWidthK);
    w.attn_v_bias = weight(p + "attn_v.bias", 1, kHeadKv * kWidthV);
    w.attn_q_norm = weight(p + "attn_q_norm.weight", 1, kWidthK);
    w.attn_k_norm = weight(p + "attn_k_norm.weight", 1, kWidthK);
    w.attn_output = weight(p + "attn_output.weight", kEmbd, kHead * kWidthV);
    w.attn_output_bias = weight(p + "attn_output.bias", 1, kEmbd);
    w.ffn_norm = weight(p + "ffn_norm.weight", 1, kEmbd);
    w.ffn_gate = weight(p + "ffn_gate.weight", kFf, kEmbd);
    w.ffn_up = weight(p + "ffn_up.weight", kFf, kEmbd);
    w.ffn_down = weight(p + "ffn_down.weight", kEmbd, kFf);
    w.ffn_gate_bias = weight(p + "ffn_gate.bias", 1, kFf);
    w.ffn_up_bias = weight(p + "ffn_up.bias", 1, kFf);
    w.ffn_down_bias = weight(p + "ffn_down.bias", 1, kEmbd);
    return w;
  }

  std::deque<std::vector<float>> storage_;
  uint64_t drawn_ = 0;
  Model model_;
};

/// Feeds tokens 0, 1, 2 ... in passes of those sizes, with logits for every row. Returns all logits.
inline std::vector<float> feed(const Model& model, Ops& ops, const std::vector<int>& passes,
                               int64_t scratch_floats = 1 << 18) {
  EXPECT_TRUE(ops.workspace().reserve(ops.device(), scratch_floats).ok());
  Result<KvCache> cache = KvCache::create(ops.device(), model, 4);
  EXPECT_TRUE(cache.ok());
  const int32_t sequence = cache->add_sequence();
  std::vector<float> logits;
  for (const int n : passes) {
    const auto first = static_cast<int32_t>(cache->length(sequence));
    EXPECT_TRUE(cache->extend(sequence, n).ok());
    Batch batch;
    for (int32_t i = 0; i < n; ++i) {
      batch.tokens.push_back((first + i) % static_cast<int32_t>(model.n_vocab()));
      batch.positions.push_back(first + i);
      batch.sequences.push_back(sequence);
      batch.logit_rows.push_back(i);
    }
    const Workspace::Scope scratch(ops.workspace());
    Activations a(ops.workspace(), model, batch);
    forward(ops, model, batch, *cache, a);
    std::vector<float> rows(static_cast<size_t>(a.logits.shape.elements()));
    ops.device().read_back(a.logits, rows);
    logits.insert(logits.end(), rows.begin(), rows.end());
  }
  return logits;
}

/// Memory for a value, filled with 1, 2, 3 ...
class Values {
 public:
  explicit Values(Shape shape)
      : memory_(static_cast<size_t>(shape.elements())), tensor_{memory_.data(), shape} {
    for (size_t i = 0; i < memory_.size(); ++i) memory_[i] = static_cast<float>(i + 1);
  }
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;

  Tensor& operator*() { return tensor_; }
  Tensor* operator->() { return &tensor_; }
  const std::vector<float>& floats() const { return memory_; }

 private:
  std::vector<float> memory_;
  Tensor tensor_;
};

}  // namespace kilter
