// The names of Meta's own Llama code, which candle, mistral.rs and many small engines keep as paths:
// layers.0.attention.wq. Their rows are GGUF's. Short words that say one thing only are taken as well.
// Source: meta-llama/llama, llama/model.py; candle-transformers, models/quantized_llama.rs.
#include <algorithm>
#include <array>
#include <cctype>

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

constexpr std::array kLayerRows = {
    Row{"attention_norm", Point::attn_norm},
    Row{"attn_norm", Point::attn_norm},
    Row{"input_layernorm", Point::attn_norm},
    Row{"rms_1", Point::attn_norm},
    Row{"attention_wq", Point::attn_q, kWithBias},
    Row{"attention_wk", Point::attn_k, kWithBias},
    Row{"attention_wv", Point::attn_v, kWithBias},
    Row{"attention_wo", Point::attn_output, kWithBias},
    Row{"attn_wq", Point::attn_q, kWithBias},
    Row{"attn_wk", Point::attn_k, kWithBias},
    Row{"attn_wv", Point::attn_v, kWithBias},
    Row{"attn_wo", Point::attn_output, kWithBias},
    Row{"wq", Point::attn_q, kWithBias},
    Row{"wk", Point::attn_k, kWithBias},
    Row{"wv", Point::attn_v, kWithBias},
    Row{"wo", Point::attn_output, kWithBias},
    Row{"attn_q", Point::attn_q, kWithBias},
    Row{"attn_k", Point::attn_k, kWithBias},
    Row{"attn_v", Point::attn_v, kWithBias},
    Row{"q_proj", Point::attn_q, kWithBias},
    Row{"k_proj", Point::attn_k, kWithBias},
    Row{"v_proj", Point::attn_v, kWithBias},
    Row{"o_proj", Point::attn_output, kWithBias},
    Row{"self_attn_q_proj", Point::attn_q, kWithBias},
    Row{"self_attn_k_proj", Point::attn_k, kWithBias},
    Row{"self_attn_v_proj", Point::attn_v, kWithBias},
    Row{"self_attn_o_proj", Point::attn_output, kWithBias},
    Row{"q_norm", Point::attn_q_norm},
    Row{"k_norm", Point::attn_k_norm},
    Row{"q_rope", Point::attn_q_rope},
    Row{"k_rope", Point::attn_k_rope},
    Row{"q_rot", Point::attn_q_rope},
    Row{"k_rot", Point::attn_k_rope},
    Row{"q_after_rope", Point::attn_q_rope},
    Row{"k_after_rope", Point::attn_k_rope},
    Row{"attn_q_rope", Point::attn_q_rope},
    Row{"attn_k_rope", Point::attn_k_rope},
    Row{"scores", Point::attn_scores},
    Row{"attn_scores", Point::attn_scores},
    Row{"attention_scores", Point::attn_scores},
    Row{"softmax", Point::attn_softmax},
    Row{"attn_softmax", Point::attn_softmax},
    Row{"attn_weights", Point::attn_softmax},
    Row{"attn_probs", Point::attn_softmax},
    Row{"attention_probs", Point::attn_softmax},
    Row{"attn_mix", Point::attn_mix},
    Row{"attention_output", Point::attn_output, kWithBias},
    Row{"attn_output", Point::attn_output, kWithBias},
    Row{"attention", Point::attn_output, kWithBias},
    Row{"attn_residual", Point::attn_residual},
    Row{"post_attention", Point::attn_residual},
    Row{"after_attention", Point::attn_residual},
    Row{"ffn_norm", Point::ffn_norm},
    Row{"post_attention_layernorm", Point::ffn_norm},
    Row{"rms_2", Point::ffn_norm},
    Row{"feed_forward_w1", Point::ffn_gate, kWithBias},
    Row{"feed_forward_w3", Point::ffn_up, kWithBias},
    Row{"feed_forward_w2", Point::ffn_down, kWithBias},
    Row{"mlp_gate_proj", Point::ffn_gate, kWithBias},
    Row{"mlp_up_proj", Point::ffn_up, kWithBias},
    Row{"mlp_down_proj", Point::ffn_down, kWithBias},
    Row{"mlp_gate", Point::ffn_gate, kWithBias},
    Row{"mlp_up", Point::ffn_up, kWithBias},
    Row{"mlp_down", Point::ffn_down, kWithBias},
    Row{"gate_proj", Point::ffn_gate, kWithBias},
    Row{"up_proj", Point::ffn_up, kWithBias},
    Row{"down_proj", Point::ffn_down, kWithBias},
    Row{"w1", Point::ffn_gate, kWithBias},
    Row{"w3", Point::ffn_up, kWithBias},
    Row{"w2", Point::ffn_down, kWithBias},
    Row{"gate", Point::ffn_gate, kWithBias},
    Row{"up", Point::ffn_up, kWithBias},
    Row{"down", Point::ffn_down, kWithBias},
    Row{"ffn_gate", Point::ffn_gate, kWithBias},
    Row{"ffn_up", Point::ffn_up, kWithBias},
    Row{"ffn_down", Point::ffn_down, kWithBias},
    Row{"silu", Point::ffn_act},
    Row{"ffn_act", Point::ffn_act},
    Row{"ffn_gated", Point::ffn_gated},
    Row{"swiglu", Point::ffn_gated},
    Row{"feed_forward", Point::ffn_down, kWithBias},
    Row{"mlp", Point::ffn_down, kWithBias},
    Row{"ffn_out", Point::ffn_down, kWithBias},
    Row{"mlp_out", Point::ffn_down, kWithBias},
    Row{"ffn_residual", Point::ffn_residual},
    Row{"post_ffn", Point::ffn_residual},
    Row{"after_ffn", Point::ffn_residual},
    Row{"output", Point::ffn_residual},
    Row{"out", Point::ffn_residual},
    Row{"hidden", Point::ffn_residual},
    Row{"hidden_states", Point::ffn_residual},
    Row{"", Point::ffn_residual},
};

constexpr std::array kModelRows = {
    Row{"tok_embeddings", Point::token_embd},
    Row{"token_embedding", Point::token_embd},
    Row{"token_embeddings", Point::token_embd},
    Row{"embeddings", Point::token_embd},
    Row{"embedding", Point::token_embd},
    Row{"embed", Point::token_embd},
    Row{"embed_tokens", Point::token_embd},
    Row{"wte", Point::token_embd},
    Row{"norm", Point::output_norm},
    Row{"final_norm", Point::output_norm},
    Row{"output_norm", Point::output_norm},
    Row{"final_hidden", Point::output_norm},
    Row{"last_hidden_state", Point::output_norm},
    Row{"lm_head", Point::logits},
    Row{"output", Point::logits},
    Row{"final_logits", Point::logits},
    Row{"logits", Point::logits},
};

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
  const auto fits = [&](const Row& row) { return row.words == words; };
  if (layer) {
    const auto* row = std::find_if(kLayerRows.begin(), kLayerRows.end(), fits);
    if (row == kLayerRows.end()) return std::nullopt;
    return NameMatch{at(layer->il, row->point), row->aspect, HeadOrder::gguf, row->first, kHow};
  }
  if (words.starts_with("model_")) words.erase(0, 6);
  const auto* row = std::find_if(kModelRows.begin(), kModelRows.end(), fits);
  if (row == kModelRows.end()) return std::nullopt;
  return NameMatch{at(row->point), row->aspect, HeadOrder::gguf, row->first, kHow};
}

}  // namespace kilter::analysis
