// Modules of Hugging Face's Llama, Qwen2 and Qwen3 classes, as hooks and debuggers name them.
// Source: transformers, models/llama/modeling_llama.py, models/qwen2, models/qwen3.
#include <algorithm>
#include <array>
#include <charconv>

#include "analysis/dump/names/names.h"

namespace kilter::analysis {
namespace {

constexpr std::string_view kHow = "Hugging Face's module";

enum class Side : uint8_t { output, input };

struct Row {
  std::string_view module;
  Side side;
  Point point;
  Aspect aspect = Aspect::plain;
  HeadOrder order = HeadOrder::gguf;
  FirstAxis first = FirstAxis::tokens;
};

constexpr Side kOut = Side::output;
constexpr Side kIn = Side::input;
constexpr Aspect kPlain = Aspect::plain;
constexpr Aspect kWithBias = Aspect::with_bias;
constexpr HeadOrder kHf = HeadOrder::hugging_face;

// Of a layer; the layer itself is handled by the code, its neighbours being other layers.
constexpr std::array kLayerRows = {
    Row{"input_layernorm", kOut, Point::attn_norm},
    Row{"self_attn", kIn, Point::attn_norm},
    Row{"self_attn.q_proj", kOut, Point::attn_q, kWithBias, kHf},
    Row{"self_attn.k_proj", kOut, Point::attn_k, kWithBias, kHf},
    Row{"self_attn.v_proj", kOut, Point::attn_v, kWithBias},
    Row{"self_attn.q_proj", kIn, Point::attn_norm},
    Row{"self_attn.k_proj", kIn, Point::attn_norm},
    Row{"self_attn.v_proj", kIn, Point::attn_norm},
    Row{"self_attn.qkv_proj", kOut, Point::attn_q, Aspect::fused_qkv, kHf},
    Row{"self_attn.q_norm", kOut, Point::attn_q_norm, kPlain, kHf},
    Row{"self_attn.k_norm", kOut, Point::attn_k_norm, kPlain, kHf},
    Row{"self_attn.q_rope", kOut, Point::attn_q_rope, kPlain, kHf, FirstAxis::heads},
    Row{"self_attn.k_rope", kOut, Point::attn_k_rope, kPlain, kHf, FirstAxis::heads},
    Row{"self_attn.q_rot", kOut, Point::attn_q_rope, kPlain, kHf, FirstAxis::heads},
    Row{"self_attn.k_rot", kOut, Point::attn_k_rope, kPlain, kHf, FirstAxis::heads},
    Row{"self_attn.attn_weights", kOut, Point::attn_softmax, kPlain, HeadOrder::gguf, FirstAxis::heads},
    Row{"self_attn.o_proj", kIn, Point::attn_mix},
    Row{"self_attn.o_proj", kOut, Point::attn_output, kWithBias},
    Row{"self_attn", kOut, Point::attn_output, kWithBias},
    Row{"post_attention_layernorm", kIn, Point::attn_residual},
    Row{"post_attention_layernorm", kOut, Point::ffn_norm},
    Row{"mlp", kIn, Point::ffn_norm},
    Row{"mlp.gate_proj", kIn, Point::ffn_norm},
    Row{"mlp.up_proj", kIn, Point::ffn_norm},
    Row{"mlp.gate_proj", kOut, Point::ffn_gate, kWithBias},
    Row{"mlp.up_proj", kOut, Point::ffn_up, kWithBias},
    Row{"mlp.gate_up_proj", kOut, Point::ffn_gate, Aspect::fused_gate_up},
    Row{"mlp.act_fn", kOut, Point::ffn_act},
    Row{"mlp.act_fn", kIn, Point::ffn_gate, kWithBias},
    Row{"mlp.down_proj", kIn, Point::ffn_gated},
    Row{"mlp.down_proj", kOut, Point::ffn_down, kWithBias},
    Row{"mlp", kOut, Point::ffn_down, kWithBias},
};

constexpr std::array kModelRows = {
    Row{"embed_tokens", kOut, Point::token_embd}, Row{"norm", kIn, Point::output_rows},
    Row{"norm", kOut, Point::output_norm},        Row{"lm_head", kIn, Point::output_norm},
    Row{"lm_head", kOut, Point::logits},
};

struct Decoration {
  std::string_view text;
  Side side;
};
// What hooks and debuggers put behind a module's name.
constexpr std::array kDecorations = {
    Decoration{".forward.output.0", kOut},
    Decoration{".forward.input.0", kIn},
    Decoration{"_inputs_args_0", kIn},
    Decoration{"_inputs", kIn},
    Decoration{"_input", kIn},
    Decoration{"_in", kIn},
    Decoration{".inputs", kIn},
    Decoration{".input", kIn},
    Decoration{".in", kIn},
    Decoration{"_outputs_0", kOut},
    Decoration{"_outputs", kOut},
    Decoration{"_output", kOut},
    Decoration{"_out", kOut},
    Decoration{".outputs", kOut},
    Decoration{".output", kOut},
    Decoration{".out", kOut},
};

// The name without decoration; which side it says.
Side take_decoration(std::string_view& name) {
  for (const Decoration& decoration : kDecorations) {
    if (!name.ends_with(decoration.text)) continue;
    name.remove_suffix(decoration.text.size());
    return decoration.side;
  }
  return kOut;
}

NameMatch matched(At at, Aspect aspect = kPlain, HeadOrder order = HeadOrder::gguf,
                  FirstAxis first = FirstAxis::tokens) {
  return {at, aspect, order, first, kHow};
}

// What flows into layer il.
NameMatch layer_input(int il) {
  return matched(il == 0 ? at(Point::token_embd) : at(il - 1, Point::ffn_residual));
}

// "hidden_states.3", "attentions[3]", of the model's outputs.
std::optional<NameMatch> from_outputs(std::string_view name, const Graph* graph) {
  for (const std::string_view list : {"hidden_states", "attentions"}) {
    if (!name.starts_with(list)) continue;
    name.remove_prefix(list.size());
    while (!name.empty() && std::string_view("._[").find(name[0]) != std::string_view::npos)
      name.remove_prefix(1);
    if (name.ends_with(']')) name.remove_suffix(1);
    int number = -1;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error != std::errc() || end != name.data() + name.size() || number < 0) return std::nullopt;
    if (list == "attentions") {
      return matched(at(number, Point::attn_softmax), kPlain, HeadOrder::gguf, FirstAxis::heads);
    }
    // The last one is behind the norm.
    if (graph != nullptr && number == graph->n_layer()) return matched(at(Point::output_norm));
    return layer_input(number);
  }
  return std::nullopt;
}

std::string_view last_parts(std::string_view name, std::string_view wanted) {
  const bool fits = name == wanted || (name.ends_with(wanted) && name.size() > wanted.size() &&
                                       name[name.size() - wanted.size() - 1] == '.');
  return fits ? wanted : std::string_view();
}

}  // namespace

std::optional<NameMatch> match_hugging_face(std::string_view name, const Graph* graph) {
  if (auto match = from_outputs(name, graph)) return match;
  std::string_view bare = name;
  const Side side = take_decoration(bare);
  const auto layer = split_layer(bare);
  if (!layer) {
    for (const Row& row : kModelRows) {
      const bool whole = row.point != Point::output_rows && row.point != Point::output_norm;
      // "norm" and "output" alone are Meta's names too, which mean the same here.
      if (row.side == side && !last_parts(bare, row.module).empty() &&
          (whole || bare != row.module || side == kIn)) {
        return matched(at(row.point));
      }
    }
    return std::nullopt;
  }
  if (!layer->prefix.empty() && layer->prefix.find("model") == std::string::npos &&
      layer->prefix.find("Model") == std::string::npos && layer->prefix.find("LM") == std::string::npos) {
    return std::nullopt;
  }
  if (layer->rest.empty()) {
    if (bare.find("layers") == std::string_view::npos) return std::nullopt;
    return side == kIn ? layer_input(layer->il) : matched(at(layer->il, Point::ffn_residual));
  }
  for (const Row& row : kLayerRows) {
    if (row.module != layer->rest || row.side != side) continue;
    return matched(at(layer->il, row.point), row.aspect, row.order, row.first);
  }
  if (layer->rest == "input_layernorm" && side == kIn) return layer_input(layer->il);
  return std::nullopt;
}

}  // namespace kilter::analysis
