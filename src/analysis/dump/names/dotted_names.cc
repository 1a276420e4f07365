// The names of Meta's own Llama code, which candle, mistral.rs and many small engines keep as paths:
// layers.0.attention.wq. Their rows are GGUF's. Short words that say one thing only are taken as well.
// Source: meta-llama/llama, llama/model.py; candle-transformers, models/quantized_llama.rs.
#include <algorithm>
#include <array>
#include <cctype>
#include <span>

#include "analysis/dump/names/names.h"

namespace kilter::analysis {
namespace {

constexpr std::string_view kHow = "a usual name";

struct Row {
  std::string_view words;  ///< lower case, joined by _
  Point point;
  Aspect aspect = Aspect::plain;
  FirstAxis first = FirstAxis::tokens;
};

constexpr Aspect kWithBias = Aspect::with_bias;

// Of attention: behind "attention", "attn" or "self_attn", or alone.
constexpr std::array kAttentionRows = {
    Row{"wq", Point::attn_q, kWithBias},
    Row{"q_proj", Point::attn_q, kWithBias},
    Row{"q_lin", Point::attn_q, kWithBias},
    Row{"query", Point::attn_q, kWithBias},
    Row{"q_pre_rope", Point::attn_q, kWithBias},
    Row{"q_before_rope", Point::attn_q, kWithBias},
    Row{"q_linear", Point::attn_q, kWithBias},
    Row{"wk", Point::attn_k, kWithBias},
    Row{"k_proj", Point::attn_k, kWithBias},
    Row{"k_lin", Point::attn_k, kWithBias},
    Row{"key", Point::attn_k, kWithBias},
    Row{"k_pre_rope", Point::attn_k, kWithBias},
    Row{"k_before_rope", Point::attn_k, kWithBias},
    Row{"k_linear", Point::attn_k, kWithBias},
    Row{"wv", Point::attn_v, kWithBias},
    Row{"v_proj", Point::attn_v, kWithBias},
    Row{"v_lin", Point::attn_v, kWithBias},
    Row{"value", Point::attn_v, kWithBias},
    Row{"v", Point::attn_v, kWithBias},
    Row{"v_linear", Point::attn_v, kWithBias},
    Row{"qkv", Point::attn_q, Aspect::fused_qkv},
    Row{"qkv_proj", Point::attn_q, Aspect::fused_qkv},
    Row{"wqkv", Point::attn_q, Aspect::fused_qkv},
    Row{"c_attn", Point::attn_q, Aspect::fused_qkv},
    Row{"q_norm", Point::attn_q_norm},
    Row{"q_normed", Point::attn_q_norm},
    Row{"k_norm", Point::attn_k_norm},
    Row{"k_normed", Point::attn_k_norm},
    Row{"q_rope", Point::attn_q_rope},
    Row{"q_rot", Point::attn_q_rope},
    Row{"q_roped", Point::attn_q_rope},
    Row{"q_rotated", Point::attn_q_rope},
    Row{"q_rotary", Point::attn_q_rope},
    Row{"q_after_rope", Point::attn_q_rope},
    Row{"q_post_rope", Point::attn_q_rope},
    Row{"rope_q", Point::attn_q_rope},
    Row{"k_rope", Point::attn_k_rope},
    Row{"k_rot", Point::attn_k_rope},
    Row{"k_roped", Point::attn_k_rope},
    Row{"k_rotated", Point::attn_k_rope},
    Row{"k_rotary", Point::attn_k_rope},
    Row{"k_after_rope", Point::attn_k_rope},
    Row{"k_post_rope", Point::attn_k_rope},
    Row{"rope_k", Point::attn_k_rope},
    Row{"k_cache", Point::attn_k_cache},
    Row{"v_cache", Point::attn_v_cache},
    Row{"scores", Point::attn_scores, Aspect::plain, FirstAxis::heads},
    Row{"attn_scores", Point::attn_scores, Aspect::plain, FirstAxis::heads},
    Row{"qk", Point::attn_scores, Aspect::plain, FirstAxis::heads},
    Row{"softmax", Point::attn_softmax, Aspect::plain, FirstAxis::heads},
    Row{"probs", Point::attn_softmax, Aspect::plain, FirstAxis::heads},
    Row{"attn_probs", Point::attn_softmax, Aspect::plain, FirstAxis::heads},
    Row{"weights", Point::attn_softmax, Aspect::plain, FirstAxis::heads},
    Row{"attn_weights", Point::attn_softmax, Aspect::plain, FirstAxis::heads},
    Row{"pattern", Point::attn_softmax, Aspect::plain, FirstAxis::heads},
    Row{"mix", Point::attn_mix},
    Row{"context", Point::attn_mix},
    Row{"ctx", Point::attn_mix},
    Row{"heads_out", Point::attn_mix},
    Row{"concat", Point::attn_mix},
    Row{"z", Point::attn_mix},
    Row{"wo", Point::attn_output, kWithBias},
    Row{"o_proj", Point::attn_output, kWithBias},
    Row{"out_proj", Point::attn_output, kWithBias},
    Row{"c_proj", Point::attn_output, kWithBias},
    Row{"o", Point::attn_output, kWithBias},
    Row{"proj", Point::attn_output, kWithBias},
    Row{"output", Point::attn_output, kWithBias},
    Row{"out", Point::attn_output, kWithBias},
    Row{"attn_out", Point::attn_output, kWithBias},
    Row{"residual", Point::attn_residual},
    Row{"resid", Point::attn_residual},
    Row{"norm", Point::attn_norm},
};

// Of the feed-forward block: behind "feed_forward", "ffn" or "mlp", or alone.
constexpr std::array kFeedForwardRows = {
    Row{"w1", Point::ffn_gate, kWithBias},
    Row{"gate", Point::ffn_gate, kWithBias},
    Row{"gate_proj", Point::ffn_gate, kWithBias},
    Row{"w3", Point::ffn_up, kWithBias},
    Row{"up", Point::ffn_up, kWithBias},
    Row{"up_proj", Point::ffn_up, kWithBias},
    Row{"w2", Point::ffn_down, kWithBias},
    Row{"down", Point::ffn_down, kWithBias},
    Row{"down_proj", Point::ffn_down, kWithBias},
    Row{"gate_up", Point::ffn_gate, Aspect::fused_gate_up},
    Row{"gate_up_proj", Point::ffn_gate, Aspect::fused_gate_up},
    Row{"act", Point::ffn_act},
    Row{"act_fn", Point::ffn_act},
    Row{"silu", Point::ffn_act},
    Row{"gated", Point::ffn_gated},
    Row{"swiglu", Point::ffn_gated},
    Row{"hidden", Point::ffn_gated},
    Row{"gate_up_mul", Point::ffn_gated},
    Row{"mul", Point::ffn_gated},
    Row{"out", Point::ffn_down, kWithBias},
    Row{"output", Point::ffn_down, kWithBias},
    Row{"residual", Point::ffn_residual},
    Row{"resid", Point::ffn_residual},
    Row{"norm", Point::ffn_norm},
};

// Of a layer as a whole.
constexpr std::array kLayerRows = {
    Row{"attention_norm", Point::attn_norm},
    Row{"attn_norm", Point::attn_norm},
    Row{"input_layernorm", Point::attn_norm},
    Row{"input_norm", Point::attn_norm},
    Row{"norm1", Point::attn_norm},
    Row{"norm_1", Point::attn_norm},
    Row{"ln1", Point::attn_norm},
    Row{"ln_1", Point::attn_norm},
    Row{"rms1", Point::attn_norm},
    Row{"rms_1", Point::attn_norm},
    Row{"rmsnorm1", Point::attn_norm},
    Row{"pre_attn_norm", Point::attn_norm},
    Row{"attn_q", Point::attn_q, kWithBias},
    Row{"attn_k", Point::attn_k, kWithBias},
    Row{"attn_v", Point::attn_v, kWithBias},
    Row{"attention", Point::attn_output, kWithBias},
    Row{"attn", Point::attn_output, kWithBias},
    Row{"self_attn", Point::attn_output, kWithBias},
    Row{"post_attention", Point::attn_residual},
    Row{"post_attn", Point::attn_residual},
    Row{"after_attention", Point::attn_residual},
    Row{"after_attn", Point::attn_residual},
    Row{"resid_mid", Point::attn_residual},
    Row{"h_mid", Point::attn_residual},
    Row{"x_mid", Point::attn_residual},
    Row{"attn_add", Point::attn_residual},
    Row{"post_attention_layernorm", Point::ffn_norm},
    Row{"post_attention_norm", Point::ffn_norm},
    Row{"norm2", Point::ffn_norm},
    Row{"norm_2", Point::ffn_norm},
    Row{"ln2", Point::ffn_norm},
    Row{"ln_2", Point::ffn_norm},
    Row{"rms2", Point::ffn_norm},
    Row{"rms_2", Point::ffn_norm},
    Row{"rmsnorm2", Point::ffn_norm},
    Row{"pre_ffn_norm", Point::ffn_norm},
    Row{"feed_forward", Point::ffn_down, kWithBias},
    Row{"mlp", Point::ffn_down, kWithBias},
    Row{"ffn", Point::ffn_down, kWithBias},
    Row{"post_ffn", Point::ffn_residual},
    Row{"post_mlp", Point::ffn_residual},
    Row{"after_ffn", Point::ffn_residual},
    Row{"after_mlp", Point::ffn_residual},
    Row{"resid_post", Point::ffn_residual},
    Row{"h_out", Point::ffn_residual},
    Row{"x_out", Point::ffn_residual},
    Row{"output", Point::ffn_residual},
    Row{"out", Point::ffn_residual},
    Row{"hidden", Point::ffn_residual},
    Row{"hidden_states", Point::ffn_residual},
    Row{"residual", Point::ffn_residual},
    Row{"", Point::ffn_residual},
};

constexpr std::array kModelRows = {
    Row{"tok_embeddings", Point::token_embd},
    Row{"tok_embd", Point::token_embd},
    Row{"tok_emb", Point::token_embd},
    Row{"token_emb", Point::token_embd},
    Row{"token_embedding", Point::token_embd},
    Row{"token_embeddings", Point::token_embd},
    Row{"embeddings", Point::token_embd},
    Row{"embedding", Point::token_embd},
    Row{"embed", Point::token_embd},
    Row{"emb", Point::token_embd},
    Row{"embed_tokens", Point::token_embd},
    Row{"embd", Point::token_embd},
    Row{"wte", Point::token_embd},
    Row{"norm", Point::output_norm},
    Row{"final_norm", Point::output_norm},
    Row{"output_norm", Point::output_norm},
    Row{"norm_f", Point::output_norm},
    Row{"ln_f", Point::output_norm},
    Row{"final_rmsnorm", Point::output_norm},
    Row{"final_layernorm", Point::output_norm},
    Row{"final_hidden", Point::output_norm},
    Row{"last_hidden_state", Point::output_norm},
    Row{"last_hidden", Point::output_norm},
    Row{"lm_head", Point::logits},
    Row{"output", Point::logits},
    Row{"final_logits", Point::logits},
    Row{"logits", Point::logits},
};

struct Group {
  std::string_view word;
  std::span<const Row> rows;
};
constexpr std::array kGroups = {
    Group{"self_attention_", kAttentionRows}, Group{"self_attn_", kAttentionRows},
    Group{"attention_", kAttentionRows},      Group{"attn_", kAttentionRows},
    Group{"feed_forward_", kFeedForwardRows}, Group{"ffn_", kFeedForwardRows},
    Group{"mlp_", kFeedForwardRows},
};

const Row* find_row(std::span<const Row> rows, std::string_view words) {
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.words == words; });
  return found == rows.end() ? nullptr : &*found;
}

// Words that mean several things without their group are not taken.
bool needs_group(std::string_view word) {
  static constexpr std::array<std::string_view, 12> kWords = {
      "norm", "output", "out", "residual", "resid", "proj", "value", "weights", "hidden", "mul", "o", "v"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

const Row* find_in_layer(std::string_view words) {
  if (const Row* row = find_row(kLayerRows, words)) return row;
  for (const Group& group : kGroups) {
    if (!words.starts_with(group.word)) continue;
    if (const Row* row = find_row(group.rows, words.substr(group.word.size()))) return row;
  }
  if (needs_group(words)) return nullptr;
  const Row* row = find_row(kAttentionRows, words);
  return row != nullptr ? row : find_row(kFeedForwardRows, words);
}

// "Self_Attn.Q-Proj" as "self_attn_q_proj".
std::string joined(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto letter = static_cast<unsigned char>(c);
    if (std::isalnum(letter) != 0) {
      out += static_cast<char>(std::tolower(letter));
    } else if (!out.empty() && out.back() != '_') {
      out += '_';
    }
  }
  while (out.ends_with('_')) out.pop_back();
  return out;
}

}  // namespace

std::optional<NameMatch> match_dotted_path(std::string_view name) {
  const auto layer = split_layer(name);
  std::string words = joined(layer ? layer->rest : name);
  if (layer) {
    const Row* row = find_in_layer(words);
    if (row == nullptr) return std::nullopt;
    return NameMatch{at(layer->il, row->point), row->aspect, HeadOrder::gguf, row->first, kHow};
  }
  if (words.starts_with("model_")) words.erase(0, 6);
  const Row* row = find_row(kModelRows, words);
  if (row == nullptr) return std::nullopt;
  return NameMatch{at(row->point), row->aspect, HeadOrder::gguf, row->first, kHow};
}

}  // namespace kilter::analysis
