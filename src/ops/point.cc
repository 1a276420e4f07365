#include "ops/point.h"

#include <array>

namespace kilter {
namespace {

constexpr PointScope kModel = PointScope::model;
constexpr PointScope kLayer = PointScope::layer;

// In the order of the enumerators: point_info() indexes it.
constexpr std::array kPoints = {
    PointInfo{Point::token_embd, "token_embd", kModel, "row token of token_embd.weight", "[T, D]"},

    PointInfo{Point::attn_norm, "attn_norm", kLayer, "rmsnorm(x) * attn_norm.weight", "[T, D]"},
    PointInfo{Point::attn_q, "attn_q", kLayer, "attn_q.weight . attn_norm", "[T, H, Hk]"},
    PointInfo{Point::attn_q_bias, "attn_q_bias", kLayer, "attn_q + attn_q.bias", "[T, H, Hk]"},
    PointInfo{Point::attn_q_norm, "attn_q_norm", kLayer, "rmsnorm of each head of q * attn_q_norm.weight",
              "[T, H, Hk]"},
    PointInfo{Point::attn_q_rope, "attn_q_rope", kLayer, "q turned by rope at its position", "[T, H, Hk]"},
    PointInfo{Point::attn_k, "attn_k", kLayer, "attn_k.weight . attn_norm", "[T, K, Hk]"},
    PointInfo{Point::attn_k_bias, "attn_k_bias", kLayer, "attn_k + attn_k.bias", "[T, K, Hk]"},
    PointInfo{Point::attn_k_norm, "attn_k_norm", kLayer, "rmsnorm of each head of k * attn_k_norm.weight",
              "[T, K, Hk]"},
    PointInfo{Point::attn_k_rope, "attn_k_rope", kLayer, "k turned by rope at its position", "[T, K, Hk]"},
    PointInfo{Point::attn_v, "attn_v", kLayer, "attn_v.weight . attn_norm", "[T, K, Hv]"},
    PointInfo{Point::attn_v_bias, "attn_v_bias", kLayer, "attn_v + attn_v.bias", "[T, K, Hv]"},
    PointInfo{Point::attn_k_cache, "attn_k_cache", kLayer, "k as the cache keeps it", "[T, K, Hk]"},
    PointInfo{Point::attn_v_cache, "attn_v_cache", kLayer, "v as the cache keeps it", "[T, K, Hv]"},
    PointInfo{Point::attn_scores, "attn_scores", kLayer, "q . cached k * scale; -inf at later positions",
              "[T, H, L]"},
    PointInfo{Point::attn_softmax, "attn_softmax", kLayer, "softmax over L of attn_scores", "[T, H, L]"},
    PointInfo{Point::attn_mix, "attn_mix", kLayer, "sum over L of attn_softmax * cached v", "[T, H, Hv]"},
    PointInfo{Point::attn_output, "attn_output", kLayer, "attn_output.weight . attn_mix", "[T, D]"},
    PointInfo{Point::attn_output_bias, "attn_output_bias", kLayer, "attn_output + attn_output.bias",
              "[T, D]"},
    PointInfo{Point::attn_residual, "attn_residual", kLayer, "x + attention's output", "[T, D]"},

    PointInfo{Point::ffn_norm, "ffn_norm", kLayer, "rmsnorm(attn_residual) * ffn_norm.weight", "[T, D]"},
    PointInfo{Point::ffn_gate, "ffn_gate", kLayer, "ffn_gate.weight . ffn_norm", "[T, F]"},
    PointInfo{Point::ffn_gate_bias, "ffn_gate_bias", kLayer, "ffn_gate + ffn_gate.bias", "[T, F]"},
    PointInfo{Point::ffn_up, "ffn_up", kLayer, "ffn_up.weight . ffn_norm", "[T, F]"},
    PointInfo{Point::ffn_up_bias, "ffn_up_bias", kLayer, "ffn_up + ffn_up.bias", "[T, F]"},
    PointInfo{Point::ffn_act, "ffn_act", kLayer, "silu(gate) = gate / (1 + exp(-gate))", "[T, F]"},
    PointInfo{Point::ffn_gated, "ffn_gated", kLayer, "ffn_act * up", "[T, F]"},
    PointInfo{Point::ffn_down, "ffn_down", kLayer, "ffn_down.weight . ffn_gated", "[T, D]"},
    PointInfo{Point::ffn_down_bias, "ffn_down_bias", kLayer, "ffn_down + ffn_down.bias", "[T, D]"},
    PointInfo{Point::ffn_residual, "ffn_residual", kLayer, "attn_residual + ffn's output", "[T, D]"},

    PointInfo{Point::output_rows, "output_rows", kModel, "the rows of x whose logits are wanted", "[R, D]"},
    PointInfo{Point::output_norm, "output_norm", kModel, "rmsnorm(output_rows) * output_norm.weight",
              "[R, D]"},
    PointInfo{Point::output, "output", kModel, "output.weight . output_norm, where a bias follows", "[R, V]"},
    PointInfo{Point::logits, "logits", kModel, "output.weight . output_norm (+ output.bias)", "[R, V]"},
};

constexpr bool in_enumerator_order() {
  for (size_t i = 0; i < kPoints.size(); ++i) {
    if (static_cast<size_t>(kPoints[i].point) != i) return false;
  }
  return true;
}
static_assert(in_enumerator_order());
static_assert(kPoints.size() == static_cast<size_t>(Point::logits) + 1);

}  // namespace

std::span<const PointInfo> all_points() { return kPoints; }

const PointInfo& point_info(Point point) { return kPoints[static_cast<size_t>(point)]; }

std::string to_string(At at) {
  const std::string name(point_info(at.point).name);
  return at.il < 0 ? name : "blk." + std::to_string(at.il) + "." + name;
}

}  // namespace kilter
