// Hook points of TransformerLens. Its norms' hooks stand in front of their weights or behind them by how the
// model was loaded, so they are not taken. Source: TransformerLensOrg/TransformerLens,
// transformer_lens/components.
#include <array>

#include "analysis/dump/names/names.h"

namespace kilter::analysis {
namespace {

constexpr std::string_view kHow = "TransformerLens's hook";
constexpr HeadOrder kHf = HeadOrder::hugging_face;

struct Row {
  std::string_view hook;
  Point point;
  HeadOrder order = HeadOrder::gguf;
  FirstAxis first = FirstAxis::tokens;
};

constexpr std::array kRows = {
    Row{"attn.hook_q", Point::attn_q, kHf},
    Row{"attn.hook_k", Point::attn_k, kHf},
    Row{"attn.hook_v", Point::attn_v},
    Row{"attn.hook_rot_q", Point::attn_q_rope, kHf},
    Row{"attn.hook_rot_k", Point::attn_k_rope, kHf},
    Row{"attn.hook_attn_scores", Point::attn_scores, HeadOrder::gguf, FirstAxis::heads},
    Row{"attn.hook_pattern", Point::attn_softmax, HeadOrder::gguf, FirstAxis::heads},
    Row{"attn.hook_z", Point::attn_mix},
    Row{"hook_attn_out", Point::attn_output},
    Row{"hook_resid_mid", Point::attn_residual},
    Row{"mlp.hook_pre", Point::ffn_gate},
    Row{"mlp.hook_pre_linear", Point::ffn_up},
    Row{"mlp.hook_post", Point::ffn_gated},
    Row{"hook_mlp_out", Point::ffn_down},
    Row{"hook_resid_post", Point::ffn_residual},
};

}  // namespace

std::optional<NameMatch> match_transformer_lens(std::string_view name) {
  if (name == "hook_embed")
    return NameMatch{at(Point::token_embd), Aspect::plain, HeadOrder::gguf, FirstAxis::tokens, kHow};
  const auto layer = split_layer(name);
  if (!layer) return std::nullopt;
  for (const Row& row : kRows) {
    if (row.hook != layer->rest) continue;
    return NameMatch{at(layer->il, row.point), Aspect::with_bias, row.order, row.first, kHow};
  }
  return std::nullopt;
}

}  // namespace kilter::analysis
