#include "observe/timing_ops.h"

#include <thread>

#include "observe/listing_ops.h"
#include "support.h"

namespace kilter {
namespace {

/// The reference backend, posing as one with fused stages: its feed-forward takes a while, and it counts.
class FusedOps final : public OpsWrapper {
 public:
  explicit FusedOps(Ops& inner) : OpsWrapper(inner) {}
  Stages stages() const override { return Stages::fused; }
  void feed_forward(int il, const Layer& w, Tensor& x) override {
    ++feed_forwards;
    std::this_thread::sleep_for(kDelay);
    inner().feed_forward(il, w, x);
  }

  static constexpr std::chrono::milliseconds kDelay{20};
  int feed_forwards = 0;
};

const Timing& of(const TimingOps& ops, Stage stage) {
  return ops.stage_timings()[static_cast<size_t>(stage)];
}

/// What the tiny model's products multiply for a row, counted by hand from its shapes.
using M = TinyModel;
constexpr int64_t kInputProducts =
    M::kEmbd * (M::kHead * M::kWidthK + M::kHeadKv * (M::kWidthK + M::kWidthV));
constexpr int64_t kOutputProducts = M::kEmbd * M::kHead * M::kWidthV;
constexpr int64_t kFfProducts = 3 * M::kEmbd * M::kFf;
constexpr int64_t kHeadProducts = M::kEmbd * M::kVocab;

TEST(TimingOps, ChangesNoBit) {
  const TinyModel model;
  reference::ReferenceOps plain(1);
  const std::vector<float> want = feed(*model, plain, {5, 1, 1});
  reference::ReferenceOps backend(1);
  TimingOps expanded(backend);
  EXPECT_EQ(feed(*model, expanded, {5, 1, 1}), want);
  FusedOps fused(backend);
  TimingOps timing(fused);
  EXPECT_EQ(feed(*model, timing, {5, 1, 1}), want);
  timing.watch(TimingOps::Watch::off);
  EXPECT_EQ(feed(*model, timing, {5, 1, 1}), want);
}

TEST(TimingOps, RunsFusedStagesAsTheyAre) {
  const TinyModel model;
  reference::ReferenceOps backend(1);
  FusedOps fused(backend);
  TimingOps timing(fused);
  EXPECT_EQ(timing.stages(), Stages::fused);
  feed(*model, timing, {3, 1});
  EXPECT_EQ(fused.feed_forwards, 4);  // two layers, two passes
  EXPECT_TRUE(timing.op_timings().empty());
  for (int i = 0; i < kStages; ++i) {
    const auto stage = static_cast<Stage>(i);
    const bool once = stage == Stage::embedding || stage == Stage::head;
    EXPECT_EQ(of(timing, stage).calls, once ? 2 : 4) << to_string(stage);
    EXPECT_GT(of(timing, stage).seconds, 0) << to_string(stage);
  }
  EXPECT_GE(of(timing, Stage::feed_forward).seconds,
            4 * std::chrono::duration<double>(FusedOps::kDelay).count());
  EXPECT_LT(of(timing, Stage::attention_output).seconds, of(timing, Stage::feed_forward).seconds);
}

TEST(TimingOps, CountsTheSameFusedAndExpanded) {
  const TinyModel model;
  reference::ReferenceOps backend(1);
  FusedOps fused(backend);
  TimingOps fused_timing(fused);
  TimingOps expanded_timing(backend);
  EXPECT_EQ(expanded_timing.stages(), Stages::expanded);
  for (TimingOps* timing : {&fused_timing, &expanded_timing}) {
    feed(*model, *timing, {3, 1});
    constexpr int64_t kLayers = 2;
    constexpr int64_t kRows = 4;
    EXPECT_EQ(of(*timing, Stage::attention_input).cost.multiply_adds, kLayers * kRows * kInputProducts);
    EXPECT_EQ(of(*timing, Stage::attention_output).cost.multiply_adds, kLayers * kRows * kOutputProducts);
    EXPECT_EQ(of(*timing, Stage::feed_forward).cost.multiply_adds, kLayers * kRows * kFfProducts);
    EXPECT_EQ(of(*timing, Stage::head).cost.multiply_adds, kRows * kHeadProducts);
    // Rows 0 to 3 see 1, 2, 3 and 4 positions; the passes read 3 and 4 of them from the cache.
    EXPECT_EQ(of(*timing, Stage::attention).cost.multiply_adds,
              kLayers * 10 * M::kHead * (M::kWidthK + M::kWidthV));
    EXPECT_EQ(of(*timing, Stage::attention).cached_bytes,
              kLayers * 7 * M::kHeadKv * (M::kWidthK + M::kWidthV) * 4);
    EXPECT_EQ(of(*timing, Stage::attention).cost.weight_bytes, 0);
    EXPECT_EQ(timing->all_stages().int8_multiply_adds, 0);
  }
  EXPECT_EQ(expanded_timing.op_timings().at("matmul").calls, 2 * (2 * 7 + 1));
  EXPECT_EQ(expanded_timing.op_timings().at("matmul").cost.multiply_adds,
            4 * (2 * (kInputProducts + kOutputProducts + kFfProducts) + kHeadProducts));
}

TEST(TimingOps, AsksHowTheBackendKeepsAWeight) {
  const TinyModel model;
  reference::ReferenceOps backend(1);
  TimingOps timing(backend, [](const Weight& w) {
    return w.name == "output.weight" ? WeightUse{.bytes = 1000, .planes = 2} : WeightUse{};
  });
  feed(*model, timing, {3});
  const int64_t vectors = (M::kEmbd + M::kVocab) * 4;  // norm and bias, as the file stores them
  EXPECT_EQ(of(timing, Stage::head).cost.weight_bytes, 1000 + vectors);
  EXPECT_EQ(of(timing, Stage::head).int8_multiply_adds, 2 * 3 * kHeadProducts);
  EXPECT_EQ(timing.all_stages().int8_multiply_adds, 2 * 3 * kHeadProducts);
}

TEST(TimingOps, SeesNothingWhileItDoesNotWatch) {
  const TinyModel model;
  reference::ReferenceOps backend(1);
  TimingOps timing(backend);
  timing.watch(TimingOps::Watch::off);
  feed(*model, timing, {3});
  EXPECT_EQ(timing.all_stages().calls, 0);
  timing.watch(TimingOps::Watch::on);
  feed(*model, timing, {3});
  EXPECT_EQ(timing.all_stages().calls, 10);
  timing.clear();
  EXPECT_EQ(timing.all_stages().calls, 0);
  EXPECT_TRUE(timing.op_timings().empty());
}

}  // namespace
}  // namespace kilter
