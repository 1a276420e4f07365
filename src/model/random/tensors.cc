#include "model/random/tensors.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace kilter {
namespace {

constexpr Spread kNorm{.mean = 1, .deviation = 0.15};
constexpr Spread kBias{.mean = 0, .deviation = 0.2};

// Collects the tensors of one model.
class TensorList {
 public:
  TensorList(const ModelShape& shape, const FileType& file_type)
      : s_(shape), file_type_(file_type), mixture_(shape.pure ? Mixture::pure : Mixture::mixed), prefix_() {}

  void add_model() {
    if (s_.rope_freqs) {
      list_.push_back({"rope_freqs.weight", DType::f32, s_.head_width_k() / 2, 0, Content::rope_factors, {}});
    }
    const Role embedding = s_.tied ? Role::output : Role::token_embd;
    add_matrix("token_embd.weight", embedding, s_.n_embd, s_.n_vocab);
    if (!s_.tied) list_.back().spread.deviation = 1;
    for (layer_ = 0; layer_ < s_.n_layer; ++layer_) add_layer();
    prefix_.clear();
    layer_ = 0;
    add_vector("output_norm.weight", s_.n_embd, kNorm);
    if (!s_.tied) add_matrix("output.weight", Role::output, s_.n_embd, s_.n_vocab);
    if (!s_.tied) add_bias("output.bias", s_.architecture().output_bias, s_.n_vocab);
  }

  std::vector<RandomTensor> take() { return std::move(list_); }

 private:
  void add_layer() {
    prefix_ = "blk." + std::to_string(layer_) + ".";
    add_attention();
    add_feed_forward();
  }

  void add_attention() {
    const Architecture& a = s_.architecture();
    const int64_t n_q = s_.n_head * s_.head_width_k();
    const int64_t n_k = s_.n_head_kv * s_.head_width_k();
    const int64_t n_v = s_.n_head_kv * s_.head_width_v();
    add_vector("attn_norm.weight", s_.n_embd, kNorm);
    add_matrix("attn_q.weight", Role::attn_q, s_.n_embd, n_q);
    add_bias("attn_q.bias", a.attn_qkv_bias, n_q);
    add_matrix("attn_k.weight", Role::attn_k, s_.n_embd, n_k);
    add_bias("attn_k.bias", a.attn_qkv_bias, n_k);
    add_matrix("attn_v.weight", Role::attn_v, s_.n_embd, n_v);
    add_bias("attn_v.bias", a.attn_qkv_bias, n_v);
    if (a.attn_qk_norm == Presence::required) {
      add_vector("attn_q_norm.weight", s_.head_width_k(), kNorm);
      add_vector("attn_k_norm.weight", s_.head_width_k(), kNorm);
    }
    add_matrix("attn_output.weight", Role::attn_output, s_.n_head * s_.head_width_v(), s_.n_embd);
    add_bias("attn_output.bias", a.attn_output_bias, s_.n_embd);
  }

  void add_feed_forward() {
    const Presence bias = s_.architecture().ffn_bias;
    add_vector("ffn_norm.weight", s_.n_embd, kNorm);
    add_matrix("ffn_gate.weight", Role::ffn_gate, s_.n_embd, s_.n_ff);
    add_bias("ffn_gate.bias", bias, s_.n_ff);
    add_matrix("ffn_up.weight", Role::ffn_up, s_.n_embd, s_.n_ff);
    add_bias("ffn_up.bias", bias, s_.n_ff);
    add_matrix("ffn_down.weight", Role::ffn_down, s_.n_ff, s_.n_embd);
    add_bias("ffn_down.bias", bias, s_.n_embd);
  }

  void add_matrix(const std::string& name, Role role, int64_t n_in, int64_t n_out) {
    const MatrixPlace place{role, layer_, s_.n_layer, s_.n_head / s_.n_head_kv, n_in};
    const Spread spread{0, 1 / std::sqrt(static_cast<double>(n_in))};
    list_.push_back(
        {prefix_ + name, matrix_type(file_type_, mixture_, place), n_in, n_out, Content::random, spread});
  }

  void add_vector(const std::string& name, int64_t n, Spread spread) {
    list_.push_back({prefix_ + name, DType::f32, n, 0, Content::random, spread});
  }

  void add_bias(const std::string& name, Presence presence, int64_t n) {
    if (presence == Presence::required || (presence == Presence::optional && s_.biases))
      add_vector(name, n, kBias);
  }

  const ModelShape& s_;
  const FileType& file_type_;
  Mixture mixture_;
  std::string prefix_;
  int64_t layer_ = 0;
  std::vector<RandomTensor> list_;
};

}  // namespace

std::vector<RandomTensor> list_tensors(const ModelShape& shape, const FileType& file_type) {
  TensorList list(shape, file_type);
  list.add_model();
  return list.take();
}

std::vector<float> rope_factors(int64_t n) {
  constexpr double kLargest = 8;
  std::vector<float> factors;
  for (int64_t i = 0; i < n; ++i) {
    const double place = static_cast<double>(i) / static_cast<double>(n);
    const double share = std::clamp((place - 0.5) / 0.25, 0.0, 1.0);
    factors.push_back(static_cast<float>(1 + (kLargest - 1) * share));
  }
  return factors;
}

}  // namespace kilter
