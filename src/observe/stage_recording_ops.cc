#include "observe/stage_recording_ops.h"

namespace kilter {
namespace {

// The value projection has no rotation behind it: v is its product, or that with the bias.
Point value_point(const Layer& w) { return w.attn_v_bias.present() ? Point::attn_v_bias : Point::attn_v; }

}  // namespace

bool outlives_stage(At at, const Layer* layer) {
  switch (at.point) {
    case Point::token_embd:
    case Point::attn_q_rope:
    case Point::attn_k_rope:
    case Point::attn_k_cache:
    case Point::attn_v_cache:
    case Point::attn_mix:
    case Point::attn_residual:
    case Point::ffn_residual:
    case Point::logits:
      return true;
    default:
      return layer != nullptr && at.point == value_point(*layer);
  }
}

void StageRecordingOps::show(At at, const Tensor& made) {
  if (!sink_.wants(at)) return;
  values_.resize(static_cast<size_t>(made.shape.elements()));
  device().read_back(made, values_);
  sink_.take(at, made.shape, values_);
}

// Rows of the cache, x: [T, K, width], as the cache gives them back.
void StageRecordingOps::show_stored(At at, const Tensor& x, const Batch& batch, const KvView& kv) {
  if (!sink_.wants(at)) return;
  const bool is_keys = at.point == Point::attn_k_cache;
  const auto width = static_cast<size_t>(x.row_size());
  values_.resize(static_cast<size_t>(x.shape.elements()));
  for (size_t t = 0; t < batch.positions.size(); ++t) {
    const int64_t row = kv.tables->row(batch.sequences[t], batch.positions[t]);
    read_cached(is_keys ? CachePart::keys : CachePart::values, is_keys ? kv.layer.k : kv.layer.v, row,
                std::span(values_).subspan(t * width, width));
  }
  sink_.take(at, x.shape, values_);
}

void StageRecordingOps::embedding(const Weight& token_embd, const Batch& batch, Tensor& x) {
  inner().embedding(token_embd, batch, x);
  show(at(Point::token_embd), x);
}

void StageRecordingOps::attention_input(int il, const Layer& w, const Batch& batch, const Tensor& x,
                                        Qkv& out) {
  inner().attention_input(il, w, batch, x, out);
  show(at(il, Point::attn_q_rope), out.q);
  show(at(il, Point::attn_k_rope), out.k);
  show(at(il, value_point(w)), out.v);
}

void StageRecordingOps::attention(int il, const Layer& w, const Batch& batch, const Qkv& in, KvView kv,
                                  Tensor& mix) {
  inner().attention(il, w, batch, in, kv, mix);
  show_stored(at(il, Point::attn_k_cache), in.k, batch, kv);
  show_stored(at(il, Point::attn_v_cache), in.v, batch, kv);
  show(at(il, Point::attn_mix), mix);
}

void StageRecordingOps::attention_output(int il, const Layer& w, const Tensor& mix, Tensor& x) {
  inner().attention_output(il, w, mix, x);
  show(at(il, Point::attn_residual), x);
}

void StageRecordingOps::feed_forward(int il, const Layer& w, Tensor& x) {
  inner().feed_forward(il, w, x);
  show(at(il, Point::ffn_residual), x);
}

void StageRecordingOps::head(const Head& w, const Batch& batch, const Tensor& x, Tensor& logits) {
  inner().head(w, batch, x, logits);
  show(at(Point::logits), logits);
}

}  // namespace kilter
