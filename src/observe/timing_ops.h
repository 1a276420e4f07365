// Where the time of a pass goes, and what it moved and multiplied for it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string_view>

#include "observe/op_call.h"
#include "observe/op_cost.h"

namespace kilter {

/// What one product takes of a weight in the form that a backend keeps it in.
struct WeightUse {
  int64_t bytes = 0;  ///< read, once a call
  int planes = 0;     ///< 8-bit multiply-adds for one of the model's; 0 where the product is not in integers
};
using WeightUseOf = std::function<WeightUse(const Weight&)>;

/// Calls of one stage, or of one op, added up.
struct Timing {
  int64_t calls = 0;
  double seconds = 0;
  OpCost cost;               ///< weight_bytes of products are those of WeightUse
  int64_t cached_bytes = 0;  ///< keys and values that were read, as the device keeps them
  int64_t int8_multiply_adds = 0;

  Timing& operator+=(const Timing& more);
};

/// The stages of ops.h, in the order in which a pass first calls them.
enum class Stage { embedding, attention_input, attention, attention_output, feed_forward, head };
constexpr int kStages = 6;
/// "feed_forward"
std::string_view to_string(Stage stage);

/// Times each stage as the wrapped ops run it: fused ones in one piece; where stages are expanded, op by op.
/// What a call costs is counted outside the timed part: the seconds of a pass are the sum over its stages.
/// For backends that compute during the call.
class TimingOps final : public OpsWrapper {
 public:
  /// Without `weight_use`, weights are read as the file stores them, and no product is in integers.
  explicit TimingOps(Ops& inner, WeightUseOf weight_use = {});

  Stages stages() const override { return fused_ ? Stages::fused : Stages::expanded; }
  void embedding(const Weight& token_embd, const Batch& batch, Tensor& x) override;
  void attention_input(int il, const Layer& w, const Batch& batch, const Tensor& x, Qkv& out) override;
  void attention(int il, const Layer& w, const Batch& batch, const Qkv& in, KvView kv, Tensor& mix) override;
  void attention_output(int il, const Layer& w, const Tensor& mix, Tensor& x) override;
  void feed_forward(int il, const Layer& w, Tensor& x) override;
  void head(const Head& w, const Batch& batch, const Tensor& x, Tensor& logits) override;

  /// While it does not watch, calls are only handed on.
  enum class Watch { off, on };
  void watch(Watch watch) { watch_ = watch; }
  void clear();

  const std::array<Timing, kStages>& stage_timings() const { return stage_timings_; }
  /// By the op's name in ops.h; empty where the stages are fused.
  const std::map<std::string_view, Timing>& op_timings() const { return op_timings_; }
  /// The sum over the stages.
  Timing all_stages() const;

 protected:
  void call(const OpCall& c) override;

 private:
  class Expanded;
  template <typename Run>
  void time_stage(Stage stage, const Run& run);
  Timing timed_op(const OpCall& c);

  bool fused_;
  Watch watch_ = Watch::on;
  WeightUseOf weight_use_;
  std::array<Timing, kStages> stage_timings_;
  std::map<std::string_view, Timing> op_timings_;
};

}  // namespace kilter
