// What each stage means, in plain ops, one named value a call. These bodies are the definition: a fused
// kernel is right when it gives their values.
#include "ops/ops.h"

namespace kilter {

Status Ops::prepare(std::span<const Weight* const>, const PrepareProgress&) { return {}; }

void Ops::read_cached(CachePart, const Tensor& pool, int64_t row, std::span<float> to) {
  device().read_back({pool.data + row * pool.row_size(), Shape{pool.row_size()}}, to);
}

void Ops::embedding(const Weight& token_embd, const Batch& batch, Tensor& x) {
  embed(at(Point::token_embd), batch.tokens, token_embd, x);
}

void Ops::attention_input(int il, const Layer& w, const Batch& batch, const Tensor& x, Qkv& out) {
  const Workspace::Scope scratch(workspace());
  Tensor h = workspace().take(x.shape);
  auto& [q, k, v] = out;

  rmsnorm(at(il, Point::attn_norm), x, w.attn_norm, w.rms_eps, h);

  matmul(at(il, Point::attn_q), h, w.attn_q, q);
  if (w.attn_q_bias.present()) add_bias(at(il, Point::attn_q_bias), q, w.attn_q_bias, q);
  if (w.attn_q_norm.present()) rmsnorm(at(il, Point::attn_q_norm), q, w.attn_q_norm, w.rms_eps, q);
  rope(at(il, Point::attn_q_rope), q, batch.positions, w.rope, q);

  matmul(at(il, Point::attn_k), h, w.attn_k, k);
  if (w.attn_k_bias.present()) add_bias(at(il, Point::attn_k_bias), k, w.attn_k_bias, k);
  if (w.attn_k_norm.present()) rmsnorm(at(il, Point::attn_k_norm), k, w.attn_k_norm, w.rms_eps, k);
  rope(at(il, Point::attn_k_rope), k, batch.positions, w.rope, k);

  matmul(at(il, Point::attn_v), h, w.attn_v, v);
  if (w.attn_v_bias.present()) add_bias(at(il, Point::attn_v_bias), v, w.attn_v_bias, v);
}

void Ops::attention(int il, const Layer& w, const Batch& batch, const Qkv& in, KvView kv, Tensor& mix) {
  const Workspace::Scope scratch(workspace());
  Tensor scores = workspace().take({batch.size(), w.n_head, batch.visible_positions()});

  kv_store(at(il, Point::attn_k_cache), in.k, batch, *kv.tables, kv.layer.k);
  kv_store(at(il, Point::attn_v_cache), in.v, batch, *kv.tables, kv.layer.v);

  attention_scores(at(il, Point::attn_scores), in.q, kv, batch, w.attn_scale, scores);
  softmax(at(il, Point::attn_softmax), scores, scores);
  attention_mix(at(il, Point::attn_mix), scores, kv, batch, mix);
}

void Ops::attention_output(int il, const Layer& w, const Tensor& mix, Tensor& x) {
  const Workspace::Scope scratch(workspace());
  Tensor out = workspace().take(x.shape);

  matmul(at(il, Point::attn_output), mix.reshaped({mix.rows(), mix.row_size()}), w.attn_output, out);
  if (w.attn_output_bias.present()) add_bias(at(il, Point::attn_output_bias), out, w.attn_output_bias, out);
  add(at(il, Point::attn_residual), x, out, x);
}

void Ops::feed_forward(int il, const Layer& w, Tensor& x) {
  const Workspace::Scope scratch(workspace());
  Tensor h = workspace().take(x.shape);
  Tensor gate = workspace().take({x.rows(), w.n_ff});
  Tensor up = workspace().take({x.rows(), w.n_ff});

  rmsnorm(at(il, Point::ffn_norm), x, w.ffn_norm, w.rms_eps, h);
  matmul(at(il, Point::ffn_gate), h, w.ffn_gate, gate);
  if (w.ffn_gate_bias.present()) add_bias(at(il, Point::ffn_gate_bias), gate, w.ffn_gate_bias, gate);
  matmul(at(il, Point::ffn_up), h, w.ffn_up, up);
  if (w.ffn_up_bias.present()) add_bias(at(il, Point::ffn_up_bias), up, w.ffn_up_bias, up);
  silu(at(il, Point::ffn_act), gate, gate);
  multiply(at(il, Point::ffn_gated), gate, up, gate);
  matmul(at(il, Point::ffn_down), gate, w.ffn_down, h);
  if (w.ffn_down_bias.present()) add_bias(at(il, Point::ffn_down_bias), h, w.ffn_down_bias, h);
  add(at(il, Point::ffn_residual), x, h, x);
}

void Ops::head(const Head& w, const Batch& batch, const Tensor& x, Tensor& logits) {
  const Workspace::Scope scratch(workspace());
  Tensor rows = workspace().take({static_cast<int64_t>(batch.logit_rows.size()), x.row_size()});

  take_rows(at(Point::output_rows), x, batch.logit_rows, rows);
  rmsnorm(at(Point::output_norm), rows, w.output_norm, w.rms_eps, rows);
  if (!w.output_bias.present()) return matmul(at(Point::logits), rows, w.output, logits);
  matmul(at(Point::output), rows, w.output, logits);
  add_bias(at(Point::logits), logits, w.output_bias, logits);
}

}  // namespace kilter
