// Variables of llama2.c, which hundreds of small engines began as: x, xb, xb2, hb, hb2, q, k, v, att, logits,
// with the layer before or behind: "q_0", "layer0.q", "l3_xb".
// Source: karpathy/llama2.c, run.c, struct RunState and forward().
#include <algorithm>
#include <array>
#include <charconv>

#include "analysis/dump/names/names.h"

namespace kilter::analysis {
namespace {

struct Row {
  std::string_view variable;
  Point point;
};

// A buffer has a row for each value that it holds in turn.
constexpr std::array kLayerRows = {
    Row{"x", Point::attn_residual},  Row{"x", Point::ffn_residual}, Row{"xb", Point::attn_norm},
    Row{"xb", Point::attn_mix},      Row{"xb", Point::ffn_norm},    Row{"xb", Point::ffn_down},
    Row{"xb2", Point::attn_output},  Row{"hb", Point::ffn_gate},    Row{"hb", Point::ffn_gated},
    Row{"hb2", Point::ffn_up},       Row{"q", Point::attn_q},       Row{"q", Point::attn_q_bias},
    Row{"q", Point::attn_q_norm},    Row{"q", Point::attn_q_rope},  Row{"k", Point::attn_k},
    Row{"k", Point::attn_k_bias},    Row{"k", Point::attn_k_norm},  Row{"k", Point::attn_k_rope},
    Row{"v", Point::attn_v},         Row{"v", Point::attn_v_bias},  Row{"att", Point::attn_scores},
    Row{"att", Point::attn_softmax},
};
constexpr std::array kModelRows = {
    Row{"x", Point::token_embd},
    Row{"x", Point::output_norm},
};

// "q_0", "q0", "0_q"
std::optional<LayerName> variable_of(std::string_view name) {
  if (auto layer = split_layer(name)) {
    // "layers.0.attn.q" says no more than "q_0".
    for (const std::string_view group : {"self_attn.", "attn.", "attention."}) {
      if (layer->rest.starts_with(group)) layer->rest.erase(0, group.size());
    }
    return layer;
  }
  const size_t cut = name.find_last_of("_.-");
  const std::string_view front = name.substr(0, cut);
  const std::string_view back = cut == std::string_view::npos ? std::string_view() : name.substr(cut + 1);
  for (const auto& [number, word] : {std::pair(back, front), std::pair(front, back)}) {
    int il = -1;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), il);
    if (error == std::errc() && end == number.data() + number.size() && il >= 0) {
      return LayerName{"", il, std::string(word)};
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<At> llama2_c_candidates(std::string_view name, const Graph* graph) {
  std::vector<At> found;
  const auto add = [&](At at) {
    if (graph == nullptr || graph->find(at) != nullptr) found.push_back(at);
  };
  if (const auto layer = variable_of(name)) {
    for (const Row& row : kLayerRows) {
      if (row.variable == layer->rest) add(at(layer->il, row.point));
    }
    return found;
  }
  for (const Row& row : kModelRows) {
    if (row.variable == name) add(at(row.point));
  }
  return found;
}

}  // namespace kilter::analysis
