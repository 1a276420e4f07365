// Ops that show what each stage leaves behind, and let the backend run the stage its own way.
#pragma once

#include <span>
#include <vector>

#include "observe/op_call.h"
#include "observe/recording_ops.h"

namespace kilter {

/// Whether a value is still there when its stage (ops.h) has ended, and so can be seen of a fused one too:
/// the tensors that stages hand to each other, and the rows of the cache. `layer` is the value's; it is not
/// read for values of the whole model.
bool outlives_stage(At at, const Layer* layer);

/// Hands whole stages on, fused where the backend fuses them, and shows the values that outlive_stage() to a
/// sink. What it shows has the bits that RecordingOps shows under the same name, because a contract mode has
/// the same bits fused and expanded.
class StageRecordingOps final : public OpsWrapper {
 public:
  /// `inner` and `sink` must outlive the wrapper.
  StageRecordingOps(Ops& inner, ValueSink& sink) : OpsWrapper(inner), sink_(sink), stages_(inner.stages()) {}

  Stages stages() const override { return stages_; }
  void embedding(const Weight& token_embd, const Batch& batch, Tensor& x) override;
  void attention_input(int il, const Layer& w, const Batch& batch, const Tensor& x, Qkv& out) override;
  void attention(int il, const Layer& w, const Batch& batch, const Qkv& in, KvView kv, Tensor& mix) override;
  void attention_output(int il, const Layer& w, const Tensor& mix, Tensor& x) override;
  void feed_forward(int il, const Layer& w, Tensor& x) override;
  void head(const Head& w, const Batch& batch, const Tensor& x, Tensor& logits) override;

 private:
  void show(At at, const Tensor& made);
  void show_stored(At at, const Tensor& x, const Batch& batch, const KvView& kv);

  ValueSink& sink_;
  Stages stages_;
  std::vector<float> values_;
};

}  // namespace kilter
