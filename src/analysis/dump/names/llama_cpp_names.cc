// llama.cpp's names. They are not unique ("Qcur-0" is the product, its view and the rotated query), and their
// meaning moved over the years ("kqv_out" was behind the output projection in early 2025). What an op reads
// is clearer: a product with blk.0.attn_q.weight is blk.0.attn_q in every version. Source: llama.cpp,
// src/llama-graph.cpp, src/models/llama.cpp and their ancestors, February 2025 to mid-2026.
#include <algorithm>
#include <array>
#include <charconv>

#include "analysis/dump/names/names.h"

namespace kilter::analysis {
namespace {

constexpr std::string_view kHow = "llama.cpp's name";
constexpr std::string_view kHowOp = "llama.cpp's op and its sources";

struct Row {
  std::string_view stem;  ///< the name without "-<layer>"
  std::string_view op;    ///< empty: any
  Point point;
  Aspect aspect = Aspect::plain;
  FirstAxis first = FirstAxis::tokens;
};

constexpr Aspect kLeftover = Aspect::leftover;
constexpr Point kNone = Point::token_embd;  // of leftovers

// The first row that fits counts.
constexpr std::array kRows = {
    Row{"embd", "", Point::token_embd},
    Row{"inp_embd", "", Point::token_embd},
    Row{"norm", "", kNone, kLeftover},
    Row{"attn_norm", "", Point::attn_norm},
    Row{"Qcur", "MUL_MAT", Point::attn_q},
    Row{"Qcur", "ADD", Point::attn_q_bias},
    Row{"Qcur", "ROPE", Point::attn_q_rope},
    Row{"Qcur", "RESHAPE", kNone, kLeftover},
    Row{"Qcur", "VIEW", kNone, kLeftover},
    Row{"Qcur", "", Point::attn_q_rope},
    Row{"Qcur_normed", "", Point::attn_q_norm},
    Row{"Kcur", "MUL_MAT", Point::attn_k},
    Row{"Kcur", "ADD", Point::attn_k_bias},
    Row{"Kcur", "ROPE", Point::attn_k_rope},
    Row{"Kcur", "RESHAPE", kNone, kLeftover},
    Row{"Kcur", "VIEW", kNone, kLeftover},
    Row{"Kcur", "", Point::attn_k_rope},
    Row{"Kcur_normed", "", Point::attn_k_norm},
    Row{"Vcur", "MUL_MAT", Point::attn_v},
    Row{"Vcur", "ADD", Point::attn_v_bias},
    Row{"Vcur", "RESHAPE", kNone, kLeftover},
    Row{"Vcur", "VIEW", kNone, kLeftover},
    Row{"Vcur", "", Point::attn_v, Aspect::with_bias},
    Row{"wqkv", "", Point::attn_q, Aspect::fused_qkv},
    Row{"kq", "", Point::attn_scores, Aspect::unscaled, FirstAxis::heads},
    Row{"kq_soft_max", "", Point::attn_softmax, Aspect::plain, FirstAxis::heads},
    Row{"kq_soft_max_ext", "", Point::attn_softmax, Aspect::plain, FirstAxis::heads},
    Row{"kqv", "", Point::attn_mix, Aspect::plain, FirstAxis::heads},
    Row{"kqv_merged", "", kNone, kLeftover},
    Row{"kqv_merged_cont", "", Point::attn_mix},
    Row{"kqv_out", "MUL_MAT", Point::attn_output},
    Row{"kqv_out", "ADD", Point::attn_output_bias},
    Row{"kqv_out", "", Point::attn_mix},
    Row{"__fattn__", "", Point::attn_mix},
    Row{"fattn", "", Point::attn_mix},
    Row{"attn_out", "MUL_MAT", Point::attn_output},
    Row{"attn_out", "ADD", Point::attn_output_bias},
    Row{"attn_out", "", Point::attn_output, Aspect::with_bias},
    Row{"ffn_inp", "", Point::attn_residual},
    Row{"ffn_norm", "", Point::ffn_norm},
    Row{"ffn_gate", "", Point::ffn_gate},
    Row{"ffn_gate_b", "", Point::ffn_gate_bias},
    Row{"ffn_up", "", Point::ffn_up},
    Row{"ffn_up_b", "", Point::ffn_up_bias},
    Row{"ffn_silu", "", Point::ffn_act},
    Row{"ffn_gate_par", "", Point::ffn_gated},
    Row{"ffn_swiglu", "", Point::ffn_gated},
    Row{"ffn_down", "", Point::ffn_down},
    Row{"ffn_out", "MUL_MAT", Point::ffn_down},
    Row{"ffn_out", "ADD", Point::ffn_residual},
    Row{"ffn_out", "", Point::ffn_down, Aspect::with_bias},
    Row{"l_out", "", Point::ffn_residual},
    Row{"result_norm", "", Point::output_norm},
    Row{"result_output", "", Point::logits},
};

// Ops that move numbers and make none.
constexpr std::array<std::string_view, 8> kMoves = {"VIEW",     "RESHAPE", "PERMUTE", "TRANSPOSE",
                                                    "SET_ROWS", "CPY",     "DUP",     "CONT"};

NameMatch matched(At at, std::string_view how, Aspect aspect = Aspect::plain,
                  FirstAxis first = FirstAxis::tokens) {
  return {at, aspect, HeadOrder::gguf, first, how};
}

// "Qcur-12 (view)" is {"Qcur", 12}; without a number the layer is -1.
struct Stem {
  std::string_view text;
  int il = -1;
};

Stem stem_of_name(std::string_view name) {
  name = name.substr(0, name.find(" ("));
  const size_t dash = name.rfind('-');
  Stem stem{name};
  if (dash == std::string_view::npos) return stem;
  const std::string_view digits = name.substr(dash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), stem.il);
  if (error != std::errc() || end != digits.data() + digits.size() || stem.il < 0) return {name};
  stem.text = name.substr(0, dash);
  return stem;
}

std::optional<NameMatch> from_weight(std::string_view source, std::string_view ending,
                                     std::string_view suffix) {
  if (!source.ends_with(ending)) return std::nullopt;
  source.remove_suffix(ending.size());
  auto match = match_kilter(std::string(source) + std::string(suffix));
  if (match) match->how = kHowOp;
  return match;
}

std::optional<NameMatch> from_op(const RawValue& value, const Graph* graph) {
  const auto source = [&](size_t i) {
    return i < value.sources.size() ? std::string_view(value.sources[i]) : std::string_view();
  };
  if (value.op == "GET_ROWS" && source(0) == "token_embd.weight")
    return matched(at(Point::token_embd), kHowOp);
  if (value.op == "GET_ROWS") return matched(at(kNone), kHowOp, kLeftover);
  if (value.op == "MUL_MAT") {
    if (source(0) == "token_embd.weight" || source(0) == "output.weight") {
      const bool bias = graph != nullptr && graph->find(at(Point::output)) != nullptr;
      return matched(at(bias ? Point::output : Point::logits), kHowOp);
    }
    return from_weight(source(0), ".weight", "");
  }
  if (value.op == "MUL") return from_weight(source(1), ".weight", "");
  if (value.op == "ADD") {
    if (source(1) == "output.bias") return matched(at(Point::logits), kHowOp);
    return from_weight(source(1), ".bias", "_bias");
  }
  if (value.op == "FLASH_ATTN_EXT") {
    const Stem query = stem_of_name(source(0));
    if (query.il >= 0) return matched(at(query.il, Point::attn_mix), kHowOp);
  }
  return std::nullopt;
}

}  // namespace

std::optional<NameMatch> match_llama_cpp(const RawValue& value, const Graph* graph) {
  if (!value.op.empty()) {
    if (auto match = from_op(value, graph)) return match;
  }
  const std::string_view name = value.name;
  const bool moves = std::find(kMoves.begin(), kMoves.end(), value.op) != kMoves.end();
  const bool is_view = name.find(" (") != std::string_view::npos || name.starts_with("cache_");
  if (!value.op.empty() && (is_view || (moves && name.starts_with("node_")))) {
    return matched(at(kNone), kHow, kLeftover);
  }
  const Stem stem = stem_of_name(name);
  for (const Row& row : kRows) {
    if (row.stem != stem.text || (!row.op.empty() && row.op != value.op)) continue;
    const bool layer = point_info(row.point).scope == PointScope::layer;
    if (row.aspect != kLeftover && layer != (stem.il >= 0)) continue;
    // Elsewhere plain words like "norm" mean other things.
    if (row.aspect == kLeftover && value.op.empty()) continue;
    return matched(layer ? at(stem.il, row.point) : at(row.point), kHow, row.aspect, row.first);
  }
  return std::nullopt;
}

}  // namespace kilter::analysis
