#include "observe/timing_ops.h"

#include <chrono>

#include "observe/listing_ops.h"

namespace kilter {
namespace {

template <typename Run>
double seconds_of(const Run& run) {
  const auto begin = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

Timing cost_timing(const OpCall& c, const WeightUseOf& weight_use, int64_t cached_value_bytes) {
  Timing timing;
  timing.cost = cost_of(c);
  timing.cached_bytes = timing.cost.cached_values * cached_value_bytes;
  if (c.op != "matmul" || !weight_use) return timing;
  const WeightUse use = weight_use(*c.weight);
  timing.cost.weight_bytes = use.bytes;
  timing.int8_multiply_adds = timing.cost.multiply_adds * use.planes;
  return timing;
}

/// Ops that compute nothing and add up what was asked of them.
class CountingOps final : public OpsAsCalls {
 public:
  CountingOps(const WeightUseOf& weight_use, int64_t cached_value_bytes)
      : weight_use_(weight_use), cached_value_bytes_(cached_value_bytes) {}

  Device& device() override { return device_; }
  Workspace& workspace() override { return workspace_; }
  const Timing& sum() const { return sum_; }

 protected:
  void call(const OpCall& c) override { sum_ += cost_timing(c, weight_use_, cached_value_bytes_); }

 private:
  const WeightUseOf& weight_use_;
  int64_t cached_value_bytes_;
  NoDevice device_;
  Workspace workspace_;
  Timing sum_;
};

}  // namespace

Timing& Timing::operator+=(const Timing& more) {
  calls += more.calls;
  seconds += more.seconds;
  cost.weight_bytes += more.cost.weight_bytes;
  cost.value_bytes += more.cost.value_bytes;
  cost.cached_values += more.cost.cached_values;
  cost.multiply_adds += more.cost.multiply_adds;
  cached_bytes += more.cached_bytes;
  int8_multiply_adds += more.int8_multiply_adds;
  return *this;
}

std::string_view to_string(Stage stage) {
  constexpr std::array<std::string_view, kStages> kNames = {
      "embedding", "attention_input", "attention", "attention_output", "feed_forward", "head"};
  return kNames[static_cast<size_t>(stage)];
}

TimingOps::TimingOps(Ops& inner, WeightUseOf weight_use)
    : OpsWrapper(inner), fused_(inner.stages() == Stages::fused), weight_use_(std::move(weight_use)) {}

void TimingOps::clear() {
  stage_timings_ = {};
  op_timings_.clear();
}

Timing TimingOps::all_stages() const {
  Timing sum;
  for (const Timing& timing : stage_timings_) sum += timing;
  return sum;
}

/// Stages op by op, each op timed.
class TimingOps::Expanded final : public OpsAsCalls {
 public:
  explicit Expanded(TimingOps& timing) : timing_(timing) {}

  Device& device() override { return timing_.device(); }
  Workspace& workspace() override { return timing_.workspace(); }
  const Timing& sum() const { return sum_; }

 protected:
  void call(const OpCall& c) override { sum_ += timing_.timed_op(c); }

 private:
  TimingOps& timing_;
  Timing sum_;
};

void TimingOps::call(const OpCall& c) {
  if (watch_ == Watch::off) return OpsWrapper::call(c);
  timed_op(c);
}

Timing TimingOps::timed_op(const OpCall& c) {
  Timing timing = cost_timing(c, weight_use_, device().kv_value_bytes());
  timing.calls = 1;
  timing.seconds = seconds_of([&] { OpsWrapper::call(c); });
  op_timings_[c.op] += timing;
  return timing;
}

// `run` makes the stage's call on the ops that it is given.
template <typename Run>
void TimingOps::time_stage(Stage stage, const Run& run) {
  if (watch_ == Watch::off) return run(inner());
  Timing timing;
  if (fused_) {
    CountingOps counting(weight_use_, device().kv_value_bytes());
    run(counting);
    timing = counting.sum();
    timing.seconds = seconds_of([&] { run(inner()); });
  } else {
    Expanded expanded(*this);
    run(expanded);
    timing = expanded.sum();
  }
  timing.calls = 1;
  stage_timings_[static_cast<size_t>(stage)] += timing;
}

void TimingOps::embedding(const Weight& token_embd, const Batch& batch, Tensor& x) {
  time_stage(Stage::embedding, [&](Ops& ops) { ops.embedding(token_embd, batch, x); });
}
void TimingOps::attention_input(int il, const Layer& w, const Batch& batch, const Tensor& x, Qkv& out) {
  time_stage(Stage::attention_input, [&](Ops& ops) { ops.attention_input(il, w, batch, x, out); });
}
void TimingOps::attention(int il, const Layer& w, const Batch& batch, const Qkv& in, KvView kv, Tensor& mix) {
  time_stage(Stage::attention, [&](Ops& ops) { ops.attention(il, w, batch, in, kv, mix); });
}
void TimingOps::attention_output(int il, const Layer& w, const Tensor& mix, Tensor& x) {
  time_stage(Stage::attention_output, [&](Ops& ops) { ops.attention_output(il, w, mix, x); });
}
void TimingOps::feed_forward(int il, const Layer& w, Tensor& x) {
  time_stage(Stage::feed_forward, [&](Ops& ops) { ops.feed_forward(il, w, x); });
}
void TimingOps::head(const Head& w, const Batch& batch, const Tensor& x, Tensor& logits) {
  time_stage(Stage::head, [&](Ops& ops) { ops.head(w, batch, x, logits); });
}

}  // namespace kilter
