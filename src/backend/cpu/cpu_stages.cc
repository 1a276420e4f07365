// The stages, fused. What each means stands in ops/stages.cc; here the same kernels run on every value in the
// same order, but rows stay with a thread from one step to the next, and an operand is made into digits once.
#include <array>

#include "backend/cpu/cpu_ops.h"

namespace kilter::cpu {

Operand CpuOps::normalised(const Tensor& x, const Weight& norm, float eps, float* h,
                           std::span<const Product> products) {
  const int64_t n = x.row_size();
  const float* gain = weights_.vector(norm);
  const Operand operand = products_.operand(h, x.rows(), n, products);
  if (device_.failed()) return operand;
  share_rows(x.rows(), n, [&](int64_t begin, int64_t end) {
    kernels_.rmsnorm(
        {.x = x.data + begin * n, .w = gain, .eps = eps, .n = n, .vectors = end - begin, .y = h + begin * n});
    products_.quantise(operand, begin, end);
  });
  return operand;
}

// Bias and head norm of q, k or v, in place.
void CpuOps::finish_heads(Tensor& x, const Weight& bias, const Weight& norm, float eps) {
  if (bias.present()) bias_rows(x, bias, x);
  if (norm.present()) norm_vectors(x, norm, eps, x);
}

void CpuOps::attention_input(int il, const Layer& w, const Batch& batch, const Tensor& x, Qkv& out) {
  float* h = hidden_.floats(x.shape.elements(), device_);
  const std::array products = {Product{&w.attn_q, out.q.data}, Product{&w.attn_k, out.k.data},
                               Product{&w.attn_v, out.v.data}};
  const Operand operand = normalised(x, w.attn_norm, w.rms_eps, h, products);
  if (device_.failed()) return;
  products_.multiply(operand, products);
  finish_heads(out.q, w.attn_q_bias, w.attn_q_norm, w.rms_eps);
  finish_heads(out.k, w.attn_k_bias, w.attn_k_norm, w.rms_eps);
  finish_heads(out.v, w.attn_v_bias, {}, w.rms_eps);
  rope(at(il, Point::attn_q_rope), out.q, batch.positions, w.rope, out.q);
  rope(at(il, Point::attn_k_rope), out.k, batch.positions, w.rope, out.k);
}

void CpuOps::attention(int, const Layer& w, const Batch& batch, const Qkv& in, KvView kv, Tensor& mix) {
  if (device_.failed()) return;
  attention_.store(CachePart::keys, in.k, batch, *kv.tables, kv.layer.k);
  attention_.store(CachePart::values, in.v, batch, *kv.tables, kv.layer.v);
  attention_.fused(in.q, kv, batch, w.attn_scale, mix);
}

void CpuOps::attention_output(int il, const Layer& w, const Tensor& mix, Tensor& x) {
  Tensor out{hidden_.floats(x.shape.elements(), device_), x.shape};
  if (device_.failed()) return;
  matmul(at(il, Point::attn_output), mix.reshaped({mix.rows(), mix.row_size()}), w.attn_output, out);
  if (w.attn_output_bias.present()) bias_rows(out, w.attn_output_bias, out);
  add(at(il, Point::attn_residual), x, out, x);
}

void CpuOps::feed_forward(int il, const Layer& w, Tensor& x) {
  const int64_t rows = x.rows();
  float* h = hidden_.floats(x.shape.elements() + 2 * rows * w.n_ff, device_);
  if (device_.failed()) return;
  Tensor gate{h + x.shape.elements(), {rows, w.n_ff}};
  Tensor up{gate.data + rows * w.n_ff, {rows, w.n_ff}};
  const std::array inner = {Product{&w.ffn_gate, gate.data}, Product{&w.ffn_up, up.data}};
  products_.multiply(normalised(x, w.ffn_norm, w.rms_eps, h, inner), inner);
  if (w.ffn_gate_bias.present()) bias_rows(gate, w.ffn_gate_bias, gate);
  if (w.ffn_up_bias.present()) bias_rows(up, w.ffn_up_bias, up);

  const Product down{&w.ffn_down, h};
  const Operand gated = products_.operand(gate.data, rows, w.n_ff, {&down, 1});
  if (device_.failed()) return;
  share_rows(rows, w.n_ff, [&](int64_t begin, int64_t end) {
    float* g = gate.data + begin * w.n_ff;
    const int64_t n = (end - begin) * w.n_ff;
    kernels_.silu(g, n, g);
    kernels_.multiply(g, up.data + begin * w.n_ff, n, g);
    products_.quantise(gated, begin, end);
  });
  products_.multiply(gated, {&down, 1});
  Tensor out{h, x.shape};
  if (w.ffn_down_bias.present()) bias_rows(out, w.ffn_down_bias, out);
  add(at(il, Point::ffn_residual), x, out, x);
}

void CpuOps::head(const Head& w, const Batch& batch, const Tensor& x, Tensor& logits) {
  const int64_t n = x.row_size();
  const auto wanted = static_cast<int64_t>(batch.logit_rows.size());
  Tensor rows{hidden_.floats(2 * wanted * n, device_), {wanted, n}};
  if (device_.failed()) return;
  take_rows(at(Point::output_rows), x, batch.logit_rows, rows);
  const Product product{&w.output, logits.data};
  products_.multiply(normalised(rows, w.output_norm, w.rms_eps, rows.data + wanted * n, {&product, 1}),
                     {&product, 1});
  if (w.output_bias.present()) bias_rows(logits, w.output_bias, logits);
}

}  // namespace kilter::cpu
