// The names of all values of a forward pass. A value is made by exactly one op call,
// and that call carries its name.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace kilter {

/// One enumerator a value, in the order in which a pass makes them. Printed by point_info().name, which is
/// GGUF's dictionary: the weight `blk.3.attn_q.weight` makes the value `blk.3.attn_q`.
enum class Point {
  token_embd,

  attn_norm,
  attn_q,
  attn_q_bias,
  attn_q_norm,
  attn_q_rope,
  attn_k,
  attn_k_bias,
  attn_k_norm,
  attn_k_rope,
  attn_v,
  attn_v_bias,
  attn_k_cache,
  attn_v_cache,
  attn_scores,
  attn_softmax,
  attn_mix,
  attn_output,
  attn_output_bias,
  attn_residual,

  ffn_norm,
  ffn_gate,
  ffn_gate_bias,
  ffn_up,
  ffn_up_bias,
  ffn_act,
  ffn_gated,
  ffn_down,
  ffn_down_bias,
  ffn_residual,

  output_rows,
  output_norm,
  output,
  logits,
};

enum class PointScope {
  model,  ///< once a pass
  layer,  ///< once a layer
};

/// What is known of a value without running anything.
struct PointInfo {
  Point point;
  std::string_view name;  ///< without the "blk.N." of a layer's values
  PointScope scope;
  std::string_view formula;  ///< in terms of other points, weights and hyper-parameters
  std::string_view shape;    ///< in the letters of ops.h
};

std::span<const PointInfo> all_points();
const PointInfo& point_info(Point point);

/// Which value an op call makes: the point, and the layer it belongs to.
struct At {
  Point point;
  int il = -1;  ///< layer index; -1 outside the layers
};

inline At at(Point point) { return {point, -1}; }
inline At at(int il, Point point) { return {point, il}; }

/// "blk.3.attn_q_rope", "logits"
std::string to_string(At at);

}  // namespace kilter
