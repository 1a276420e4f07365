// What the tests of weight bugs share: a model of twelve layers as weights and a graph, without a file.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/bugs/weights/weight_bugs.h"
#include "quant/codec.h"
#include "quant/format.h"

namespace kilter::analysis {

/// How the matrices of a TestModel are stored.
struct TestTypes {
  DType matrices = DType::q4_0;
  DType output = DType::q6_k;  ///< and attn_v
};

/// Blocks of random bits whose f16 scales are ordinary numbers, every fourth of them subnormal.
inline std::vector<std::byte> random_blocks(DType type, int64_t values, uint64_t seed) {
  const DTypeInfo& info = dtype_info(type);
  std::vector<std::byte> bytes(static_cast<size_t>(values / info.block_values * info.block_bytes));
  std::mt19937_64 random(seed);
  const auto draw = [&](uint64_t below) { return static_cast<int>(random() % below); };
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(draw(256));
  for (size_t block = 0; block * info.block_bytes < bytes.size(); ++block) {
    for (const quant::Field& field : quant::format_of(type).fields) {
      if (field.encoding != quant::Encoding::f16 && field.encoding != quant::Encoding::bf16 &&
          field.encoding != quant::Encoding::f32) {
        continue;
      }
      const size_t width = field.encoding == quant::Encoding::f32 ? 4 : 2;
      const bool subnormal = field.encoding == quant::Encoding::f16 && block % 4 == 3;
      const int top = subnormal ? 1 : field.encoding == quant::Encoding::f16 ? 0x2c : 0x3d;
      const size_t at = block * info.block_bytes + field.offset + width - 1;
      bytes[at] = static_cast<std::byte>(top + draw(2) * 0x80);
    }
  }
  return bytes;
}

/// 12 layers, n_embd 512, 8 query heads and 2 kv heads of 64, n_ff 768, vocabulary 320: q is square, no other
/// is.
class TestModel {
 public:
  static constexpr int kLayers = 12;
  static constexpr int64_t kEmbd = 256, kHead = 8, kHeadKv = 2, kWidth = 32, kFf = 512, kVocab = 200;
  static constexpr size_t kHeader = 4000, kHeaderUsed = 3950;

  explicit TestModel(TestTypes types = {}) : types_(types) {
    add("token_embd.weight", types.matrices, kVocab, kEmbd);
    for (int il = 0; il < kLayers; ++il) add_layer("blk." + std::to_string(il) + ".");
    add("output_norm.weight", DType::f32, 1, kEmbd);
    add("output.weight", types.output, kVocab, kEmbd);
    place();
    make_graph();
    model_ = {.graph = graph_.get(),
              .weight = [this](std::string_view name) { return find(name); },
              .file_data = std::span(data_).subspan(kHeader),
              .file_header = {std::span(data_).first(kHeader), kHeaderUsed}};
  }

  const ReplayModel& operator*() const { return model_; }
  const Weight* find(std::string_view name) const {
    const auto found = weights_.find(std::string(name));
    return found == weights_.end() ? nullptr : &found->second;
  }
  const Weight& at(std::string_view name) const { return *find(name); }

 private:
  void add(const std::string& name, DType type, int64_t rows, int64_t cols) {
    weights_[name] = {.name = name, .type = type, .rows = rows, .cols = cols, .bytes = {}};
    order_.push_back(name);
  }

  void add_layer(const std::string& p) {
    const DType type = types_.matrices;
    add(p + "attn_norm.weight", DType::f32, 1, kEmbd);
    add(p + "attn_q.weight", type, kHead * kWidth, kEmbd);
    add(p + "attn_q.bias", DType::f32, 1, kHead * kWidth);
    add(p + "attn_k.weight", type, kHeadKv * kWidth, kEmbd);
    add(p + "attn_v.weight", types_.output, kHeadKv * kWidth, kEmbd);
    add(p + "attn_output.weight", type, kEmbd, kHead * kWidth);
    add(p + "ffn_norm.weight", DType::f32, 1, kEmbd);
    add(p + "ffn_gate.weight", type, kFf, kEmbd);
    add(p + "ffn_up.weight", type, kFf, kEmbd);
    add(p + "ffn_down.weight", type, kEmbd, kFf);
  }

  // One after the other, each at a multiple of 32, as in a file.
  void place() {
    std::vector<size_t> offsets;
    data_.resize(kHeader);
    for (size_t i = 0; i < kHeaderUsed; ++i) data_[i] = static_cast<std::byte>(i * i);
    for (const std::string& name : order_) {
      const Weight& w = weights_.at(name);
      const auto bytes = random_blocks(w.type, w.rows * w.cols, offsets.size() + 100);
      data_.resize((data_.size() + 31) / 32 * 32);
      offsets.push_back(data_.size());
      data_.insert(data_.end(), bytes.begin(), bytes.end());
    }
    for (size_t i = 0; i < order_.size(); ++i) {
      Weight& w = weights_.at(order_[i]);
      w.bytes = std::span(data_).subspan(offsets[i], static_cast<size_t>(w.rows * w.row_bytes()));
    }
  }

  Node node(At at, std::string_view op, const std::string& weight, Shape row) {
    return {
        .at = at, .op = op, .inputs = {}, .weight = find(weight), .rope = nullptr, .number = 0, .row = row};
  }

  void make_graph() {
    std::vector<Node> nodes;
    nodes.push_back(node({Point::token_embd, -1}, "embed", "token_embd.weight", {kEmbd}));
    for (int il = 0; il < kLayers; ++il) {
      const std::string p = "blk." + std::to_string(il) + ".";
      nodes.push_back(node({Point::attn_norm, il}, "rmsnorm", p + "attn_norm.weight", {kEmbd}));
      nodes.push_back(node({Point::attn_q, il}, "matmul", p + "attn_q.weight", {kHead, kWidth}));
      nodes.push_back(node({Point::attn_q_bias, il}, "add_bias", p + "attn_q.bias", {kHead, kWidth}));
      nodes.push_back(node({Point::attn_q_rope, il}, "rope", "", {kHead, kWidth}));
      nodes.push_back(node({Point::attn_k, il}, "matmul", p + "attn_k.weight", {kHeadKv, kWidth}));
      nodes.push_back(node({Point::attn_k_rope, il}, "rope", "", {kHeadKv, kWidth}));
      nodes.push_back(node({Point::attn_v, il}, "matmul", p + "attn_v.weight", {kHeadKv, kWidth}));
      nodes.push_back(node({Point::attn_output, il}, "matmul", p + "attn_output.weight", {kEmbd}));
      nodes.push_back(node({Point::ffn_norm, il}, "rmsnorm", p + "ffn_norm.weight", {kEmbd}));
      nodes.push_back(node({Point::ffn_gate, il}, "matmul", p + "ffn_gate.weight", {kFf}));
      nodes.push_back(node({Point::ffn_up, il}, "matmul", p + "ffn_up.weight", {kFf}));
      nodes.push_back(node({Point::ffn_down, il}, "matmul", p + "ffn_down.weight", {kEmbd}));
    }
    nodes.push_back(node({Point::output_norm, -1}, "rmsnorm", "output_norm.weight", {kEmbd}));
    nodes.push_back(node({Point::logits, -1}, "matmul", "output.weight", {kVocab}));
    graph_ = std::make_unique<Graph>(std::move(nodes));
  }

  TestTypes types_;
  std::vector<std::string> order_;
  std::map<std::string, Weight> weights_;
  std::vector<std::byte> data_;
  std::unique_ptr<Graph> graph_;
  ReplayModel model_;
};

/// One weight alone: rows * cols values of a type, no file around it.
class LoneWeight {
 public:
  LoneWeight(DType type, std::vector<std::byte> bytes, int64_t rows = 1)
      : bytes_(std::move(bytes)), graph_(std::vector<Node>{}) {
    const DTypeInfo& info = dtype_info(type);
    const auto values = static_cast<int64_t>(bytes_.size() / info.block_bytes * info.block_values);
    weight_ = {.name = "lone.weight", .type = type, .rows = rows, .cols = values / rows, .bytes = bytes_};
    model_.graph = &graph_;
    model_.weight = [](std::string_view) { return nullptr; };
  }
  LoneWeight(const LoneWeight&) = delete;
  LoneWeight& operator=(const LoneWeight&) = delete;

  const Weight& operator*() const { return weight_; }
  const ReplayModel& model() const { return model_; }

 private:
  std::vector<std::byte> bytes_;
  Graph graph_;
  Weight weight_;
  ReplayModel model_;
};

/// Equal bits, or both NaN.
inline bool same_number(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

inline bool same_numbers(std::span<const float> a, std::span<const float> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_number);
}

inline const WeightBug& weight_bug(std::string_view id) {
  for (const Bug* bug : weight_bugs()) {
    if (bug->info().id == id) return dynamic_cast<const WeightBug&>(*bug);
  }
  ADD_FAILURE() << "there is no bug " << id;
  return dynamic_cast<const WeightBug&>(*weight_bugs().front());
}

inline std::vector<float> right_values(const Weight& w) {
  std::vector<float> values(static_cast<size_t>(w.rows * w.cols));
  EXPECT_TRUE(quant::decode(w.type, w.bytes, values).ok());
  return values;
}

/// All values of `w` under the reading of that bug whose detail begins so; empty with a failure if there is
/// none.
inline std::vector<float> wrong_values(std::string_view id, std::string_view detail, const Weight& w,
                                       const ReplayModel& model) {
  for (const Reading& reading : weight_bug(id).readings(w, model)) {
    if (!reading.detail.starts_with(detail)) continue;
    std::vector<float> values(static_cast<size_t>(w.rows * w.cols));
    const Status read = read_weight(reading, w, values);
    EXPECT_TRUE(read.ok()) << reading.detail << ": " << (read.ok() ? "" : read.error().message());
    return values;
  }
  ADD_FAILURE() << id << " of " << w.name << " has no reading '" << detail << "'";
  return {};
}

}  // namespace kilter::analysis
