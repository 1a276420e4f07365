#include <cmath>
#include <set>
#include <string>

#include "model/model.h"
#include "model/rope.h"
#include "quant/codec.h"

namespace kilter {
namespace {

// An expected shape, and the words that explain where it comes from.
struct Expected {
  int64_t rows;  // 1 for a vector
  int64_t cols;
  std::string reason;
};

std::string ne_text(int64_t rows, int64_t cols) {
  return rows == 1 ? "{" + std::to_string(cols) + "}"
                   : "{" + std::to_string(cols) + ", " + std::to_string(rows) + "}";
}

// Hands out the tensors of a file, each proved, and remembers which were taken.
class Tensors {
 public:
  explicit Tensors(const gguf::File& file) : file_(file) {}

  Result<Weight> required(const std::string& name, const Expected& expected) {
    const gguf::TensorInfo* info = file_.find(name);
    if (info == nullptr) {
      return Error{ErrorCode::not_found, name, "the model needs this tensor and the file does not have it",
                   "the file is incomplete, or was made for another architecture"};
    }
    taken_.insert(info);
    const auto rows = static_cast<int64_t>(info->extent(1));
    const auto cols = static_cast<int64_t>(info->extent(0));
    const bool flat = info->extent(2) == 1 && info->extent(3) == 1;
    if (rows != expected.rows || cols != expected.cols || !flat) {
      return Error{ErrorCode::mismatch, name,
                   "expected ne = " + ne_text(expected.rows, expected.cols) + " from " + expected.reason +
                       ", file has " + ne_text(rows, cols),
                   "the metadata and the tensors disagree; convert the model again"};
    }
    return Weight{.name = name, .type = info->type, .rows = rows, .cols = cols, .bytes = info->bytes};
  }

  Result<Weight> wanted(const std::string& name, Presence presence, const Expected& expected) {
    const bool there = file_.find(name) != nullptr;
    if (presence == Presence::absent || (presence == Presence::optional && !there)) return Weight{};
    return required(name, expected);
  }

  // A weight that nobody took would be left out of the computation without a word.
  Status none_left() const {
    for (const gguf::TensorInfo& info : file_.tensors()) {
      if (taken_.contains(&info) || is_precomputed(info.name)) continue;
      return Error{
          ErrorCode::unsupported, info.name,
          "this tensor has no place in the architecture, and leaving it out would give wrong answers",
          "the model may be a variant that general.architecture does not tell"};
    }
    return {};
  }

 private:
  // Old converters stored each layer's rotary frequencies or masks, which follow from the metadata.
  static bool is_precomputed(const std::string& name) {
    return name.ends_with(".attn_rot_embd") || name.ends_with(".attention.rotary_emb.inv_freq") ||
           name.ends_with(".attn_rot_embd.weight");
  }

  const gguf::File& file_;
  std::set<const gguf::TensorInfo*> taken_;
};

// "n_head 32 x head width 128"
std::string product(const char* count, int64_t n, const char* width, int64_t w) {
  return std::string(count) + " " + std::to_string(n) + " x " + width + " " + std::to_string(w);
}

class LayerLoader {
 public:
  LayerLoader(Tensors& tensors, const Config& config, int64_t il, const Rope& rope)
      : tensors_(tensors), c_(config), prefix_("blk." + std::to_string(il) + ".") {
    const LayerConfig& l = c_.layers[static_cast<size_t>(il)];
    w_.n_head = l.n_head;
    w_.n_head_kv = l.n_head_kv;
    w_.n_ff = l.n_ff;
    w_.head_k = c_.n_embd_head_k;
    w_.head_v = c_.n_embd_head_v;
    w_.rms_eps = static_cast<float>(c_.rms_eps);
    w_.attn_scale = static_cast<float>(c_.attention_scale);
    w_.rope = rope;
  }

  Result<Layer> load() {
    KILTER_TRY(attention());
    KILTER_TRY(feed_forward());
    return std::move(w_);
  }

 private:
  Status attention() {
    const Architecture& a = *c_.architecture;
    const Expected q{w_.n_head * w_.head_k, c_.n_embd,
                     product("head_count", w_.n_head, "key_length", w_.head_k)};
    const Expected k{w_.n_head_kv * w_.head_k, c_.n_embd,
                     product("head_count_kv", w_.n_head_kv, "key_length", w_.head_k)};
    const Expected v{w_.n_head_kv * w_.head_v, c_.n_embd,
                     product("head_count_kv", w_.n_head_kv, "value_length", w_.head_v)};
    const Expected out{c_.n_embd, w_.n_head * w_.head_v,
                       product("head_count", w_.n_head, "value_length", w_.head_v)};
    const Expected head{1, w_.head_k, "key_length " + std::to_string(w_.head_k)};
    KILTER_TRY(take(w_.attn_norm, "attn_norm.weight", Presence::required, embedding_vector()));
    KILTER_TRY(take(w_.attn_q, "attn_q.weight", Presence::required, q));
    KILTER_TRY(take(w_.attn_k, "attn_k.weight", Presence::required, k));
    KILTER_TRY(take(w_.attn_v, "attn_v.weight", Presence::required, v));
    KILTER_TRY(take(w_.attn_q_bias, "attn_q.bias", a.attn_qkv_bias, bias_of(q)));
    KILTER_TRY(take(w_.attn_k_bias, "attn_k.bias", a.attn_qkv_bias, bias_of(k)));
    KILTER_TRY(take(w_.attn_v_bias, "attn_v.bias", a.attn_qkv_bias, bias_of(v)));
    KILTER_TRY(take(w_.attn_q_norm, "attn_q_norm.weight", a.attn_qk_norm, head));
    KILTER_TRY(take(w_.attn_k_norm, "attn_k_norm.weight", a.attn_qk_norm, head));
    KILTER_TRY(take(w_.attn_output, "attn_output.weight", Presence::required, out));
    return take(w_.attn_output_bias, "attn_output.bias", a.attn_output_bias, bias_of(out));
  }

  Status feed_forward() {
    const Presence bias = c_.architecture->ffn_bias;
    const std::string reason = "feed_forward_length " + std::to_string(w_.n_ff);
    const Expected in{w_.n_ff, c_.n_embd, reason};
    const Expected out{c_.n_embd, w_.n_ff, reason};
    KILTER_TRY(take(w_.ffn_norm, "ffn_norm.weight", Presence::required, embedding_vector()));
    KILTER_TRY(take(w_.ffn_gate, "ffn_gate.weight", Presence::required, in));
    KILTER_TRY(take(w_.ffn_up, "ffn_up.weight", Presence::required, in));
    KILTER_TRY(take(w_.ffn_down, "ffn_down.weight", Presence::required, out));
    KILTER_TRY(take(w_.ffn_gate_bias, "ffn_gate.bias", bias, bias_of(in)));
    KILTER_TRY(take(w_.ffn_up_bias, "ffn_up.bias", bias, bias_of(in)));
    return take(w_.ffn_down_bias, "ffn_down.bias", bias, bias_of(out));
  }

  Status take(Weight& weight, const char* name, Presence presence, const Expected& expected) {
    KILTER_ASSIGN(weight, tensors_.wanted(prefix_ + name, presence, expected));
    return {};
  }

  static Expected bias_of(const Expected& matrix) { return {1, matrix.rows, matrix.reason}; }
  Expected embedding_vector() const {
    return {1, c_.n_embd, "embedding_length " + std::to_string(c_.n_embd)};
  }

  Tensors& tensors_;
  const Config& c_;
  std::string prefix_;
  Layer w_;
};

// Factors on the rotary wave lengths (Llama 3.1): [n_rot / 2], or empty. Old files repeat them in each layer.
Result<std::vector<float>> rope_factors(Tensors& tensors, const gguf::File& file, const Config& c) {
  const std::string name = "rope_freqs.weight";
  if (file.find(name) == nullptr) return std::vector<float>{};
  const Expected expected{1, c.rope.dimension_count / 2,
                          "half of rope.dimension_count " + std::to_string(c.rope.dimension_count)};
  KILTER_ASSIGN(const Weight weight, tensors.required(name, expected));
  std::vector<float> factors(static_cast<size_t>(weight.cols));
  KILTER_TRY(quant::decode(weight.type, weight.bytes, factors));
  for (const float f : factors) {
    if (!std::isfinite(f) || f == 0) {
      return Error{ErrorCode::corrupt, name,
                   "holds " + std::to_string(f) + ", and a factor must be finite and not 0",
                   "convert the model again"};
    }
  }
  return factors;
}

Status load_ends(Tensors& tensors, Model& m) {
  const Config& c = m.config;
  const gguf::TensorInfo* table = m.file->find("token_embd.weight");
  const auto n_vocab = static_cast<int64_t>(table == nullptr ? 0 : table->extent(1));
  const std::string reason =
      "embedding_length " + std::to_string(c.n_embd) + " and the rows of token_embd.weight";
  KILTER_ASSIGN(m.token_embd, tensors.required("token_embd.weight", {n_vocab, c.n_embd, reason}));
  KILTER_ASSIGN(m.head.output_norm, tensors.required("output_norm.weight", {1, c.n_embd, reason}));
  KILTER_ASSIGN(m.head.output,
                tensors.wanted("output.weight", Presence::optional, {n_vocab, c.n_embd, reason}));
  KILTER_ASSIGN(m.head.output_bias,
                tensors.wanted("output.bias", c.architecture->output_bias, {1, n_vocab, reason}));
  if (!m.head.output.present()) m.head.output = m.token_embd;
  m.head.rms_eps = static_cast<float>(c.rms_eps);
  return {};
}

}  // namespace

std::vector<const Weight*> Model::weights() const {
  std::vector<const Weight*> present;
  const auto add = [&](std::initializer_list<const Weight*> weights) {
    for (const Weight* weight : weights) {
      if (weight->present()) present.push_back(weight);
    }
  };
  for (const Layer& w : layers) {
    add({&w.attn_norm, &w.attn_q, &w.attn_q_bias, &w.attn_q_norm, &w.attn_k, &w.attn_k_bias, &w.attn_k_norm,
         &w.attn_v, &w.attn_v_bias, &w.attn_output, &w.attn_output_bias});
    add({&w.ffn_norm, &w.ffn_gate, &w.ffn_gate_bias, &w.ffn_up, &w.ffn_up_bias, &w.ffn_down,
         &w.ffn_down_bias});
  }
  add({&head.output_norm, &head.output, &head.output_bias});
  return present;
}

Result<Model> load_model(std::shared_ptr<const gguf::File> file) {
  Model m;
  m.file = std::move(file);
  KILTER_ASSIGN(m.config, read_config(m.file->metadata()));
  Tensors tensors(*m.file);
  KILTER_TRY(load_ends(tensors, m));
  KILTER_ASSIGN(const std::vector<float> factors, rope_factors(tensors, *m.file, m.config));
  const Rope rope = make_rope(m.config.rope, m.config.architecture->rope_pairs, factors);
  for (int64_t il = 0; il < m.config.n_layer; ++il) {
    KILTER_ASSIGN(Layer layer, LayerLoader(tensors, m.config, il, rope).load());
    m.layers.push_back(std::move(layer));
  }
  KILTER_TRY(tensors.none_left());
  return m;
}

}  // namespace kilter
