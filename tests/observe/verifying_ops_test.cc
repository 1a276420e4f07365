// An error is found in the op that made it, and nowhere else. The judged ops are those of backend/cpu in f32.
#include "observe/verifying_ops.h"

#include <cmath>
#include <cstring>

#include "backend/cpu/cpu_ops.h"
#include "backend/cpu/select_kernels.h"
#include "support.h"

namespace kilter {
namespace {

constexpr Judging kF32{.arithmetic = Arithmetic::f32};

cpu::CpuOptions cpu_options(cpu::KvType kv = cpu::KvType::f32) {
  return {.kernels = *cpu::select_kernels(""), .mode = Arithmetic::f32, .kv = kv, .threads = 1};
}

enum class Row { first, last };

// Makes one value wrong: element 2 of a row of each pass becomes what `wrong` says. The memory is the host's.
class WrongOps final : public OpsWrapper {
 public:
  WrongOps(Ops& inner, At where, float (*wrong)(float), Row row = Row::first)
      : OpsWrapper(inner), where_(where), wrong_(wrong), row_(row) {}

 protected:
  void call(const OpCall& c) override {
    OpsWrapper::call(c);
    if (!(c.at == where_)) return;
    float& element = c.y->data[(row_ == Row::first ? 0 : c.y->rows() - 1) * c.y->row_size() + 2];
    element = wrong_(element);
  }

 private:
  At where_;
  float (*wrong_)(float);
  Row row_;
};

float a_little_off(float v) { return v * (1 + 0x1p-12F); }
float no_number(float) { return std::nanf(""); }

TEST(VerifyingOps, RightOpsAreWithin) {
  const TinyModel model;
  for (const cpu::KvType kv : {cpu::KvType::f16, cpu::KvType::f32}) {
    cpu::CpuOps ops(cpu_options(kv));
    reference::ReferenceOps oracle(1);
    VerifyingOps verifying(ops, oracle, {.judging = kF32});
    feed(*model, verifying, {5, 1, 64, 3});
    EXPECT_EQ(verifying.values().size(), 1 + 2 * 29 + 4U);
    for (const auto& [at, value] : verifying.values()) {
      EXPECT_TRUE(passes(value.margins.verdict())) << to_string(at);
      EXPECT_EQ(value.rows, 5 + 1 + 64 + 3) << to_string(at);
    }
    const bool rounds = verifying.values().at(at(0, Point::attn_k_cache)).margins.worst > 0.9;
    EXPECT_EQ(rounds, kv == cpu::KvType::f16);
  }
}

TEST(VerifyingOps, ChangeNoBit) {
  const TinyModel model;
  cpu::CpuOps plain(cpu_options());
  cpu::CpuOps watched(cpu_options());
  reference::ReferenceOps oracle(1);
  VerifyingOps verifying(watched, oracle, {.judging = kF32});
  const std::vector<float> want = feed(*model, plain, {5, 1});
  const std::vector<float> got = feed(*model, verifying, {5, 1});
  ASSERT_EQ(got.size(), want.size());
  EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size() * sizeof(float)), 0);
}

TEST(VerifyingOps, AnErrorIsInjectedOnceAndInheritedAfterwards) {
  const TinyModel model;
  const At where = at(0, Point::attn_v_bias);
  reference::ReferenceOps oracle(1);
  KeptValues truth;
  RecordingOps recording(oracle, truth);
  feed(*model, recording, {5, 1});

  cpu::CpuOps ops(cpu_options());
  WrongOps wrong(ops, where, a_little_off, Row::last);
  VerifyingOps verifying(wrong, oracle, {.judging = kF32, .truth = &truth});
  feed(*model, verifying, {5, 1});
  for (const auto& [at, value] : verifying.values()) {
    EXPECT_EQ(passes(value.margins.verdict()), !(at == where)) << to_string(at);
  }
  const VerifiedValue& bad = verifying.values().at(where);
  EXPECT_EQ(bad.margins.outside_guarantee, 2);  // one in each pass
  EXPECT_TRUE(bad.worst_row == 4 || bad.worst_row == 5) << bad.worst_row;
  EXPECT_EQ(bad.worst_element, 2);
  EXPECT_GT(bad.errors.own, 100 * bad.errors.inherited);
  const VerifiedValue& after = verifying.values().at(at(0, Point::attn_mix));
  EXPECT_GT(after.errors.inherited, 100 * after.errors.own);

  const std::vector<VerifiedOp> by_op = verifying.by_op();
  const auto biases =
      std::find_if(by_op.begin(), by_op.end(), [](const VerifiedOp& o) { return o.op == "add_bias"; });
  EXPECT_EQ(biases->worst, where);
  EXPECT_EQ(biases->margins.verdict(), Verdict::outside_guarantee);
  EXPECT_EQ(biases->values, 2 * 7 + 1);
  EXPECT_EQ(verifying.all().outside_guarantee, 2);
}

TEST(VerifyingOps, TheWorstElementHasAPlace) {
  const TinyModel model;
  cpu::CpuOps ops(cpu_options());
  WrongOps wrong(ops, at(1, Point::ffn_gate), a_little_off, Row::last);
  reference::ReferenceOps oracle(1);
  VerifyingOps verifying(wrong, oracle, {.judging = kF32});
  feed(*model, verifying, {5});
  const VerifiedValue& bad = verifying.values().at(at(1, Point::ffn_gate));
  EXPECT_EQ(bad.worst_row, 4);
  EXPECT_EQ(bad.worst_element, 2);
}

TEST(VerifyingOps, ANumberThatIsNoneIsWrongOnceAndThenUnknown) {
  const TinyModel model;
  const At where = at(1, Point::ffn_act);
  cpu::CpuOps ops(cpu_options());
  WrongOps wrong(ops, where, no_number);
  reference::ReferenceOps oracle(1);
  VerifyingOps verifying(wrong, oracle, {.judging = kF32});
  feed(*model, verifying, {2});
  EXPECT_EQ(verifying.values().at(where).margins.verdict(), Verdict::outside_guarantee);
  EXPECT_EQ(verifying.values().at(at(1, Point::ffn_gated)).margins.verdict(), Verdict::cannot_say);
  EXPECT_EQ(verifying.values().at(at(1, Point::ffn_norm)).margins.verdict(), Verdict::within_guarantee);
}

TEST(VerifyingOps, ScoresBehindTheMaskAreADefinition) {
  const TinyModel model;
  cpu::CpuOps ops(cpu_options());
  // Row 0 sees position 0 alone: element 2 of it is masked.
  WrongOps wrong(ops, at(0, Point::attn_scores), [](float) { return -1e9F; });
  reference::ReferenceOps oracle(1);
  VerifyingOps verifying(wrong, oracle, {.judging = kF32});
  feed(*model, verifying, {5});
  EXPECT_EQ(verifying.values().at(at(0, Point::attn_scores)).margins.outside_guarantee, 1);
}

TEST(VerifyingOps, LargeOperandsAreOutsideTheContract) {
  const TinyModel model;
  cpu::CpuOps ops(cpu_options());
  WrongOps wrong(ops, at(0, Point::attn_residual), [](float) { return 70000.0F; });
  reference::ReferenceOps oracle(1);
  VerifyingOps verifying(wrong, oracle, {.judging = kF32});
  feed(*model, verifying, {1});
  EXPECT_EQ(verifying.values().at(at(0, Point::ffn_norm)).margins.verdict(), Verdict::cannot_say);
}

TEST(VerifyingOps, TheFilterTakesOpsAndValues) {
  const TinyModel model;
  const auto judged = [&](const char* pattern) {
    cpu::CpuOps ops(cpu_options());
    reference::ReferenceOps oracle(1);
    VerifyingOps verifying(ops, oracle, {.judging = kF32, .filter = *NameFilter::create(pattern)});
    feed(*model, verifying, {2});
    return verifying.values().size();
  };
  EXPECT_EQ(judged("softmax"), 2U);  // the value has this name too
  EXPECT_EQ(judged("^rope$"), 4U);   // the op of attn_q_rope and attn_k_rope
  EXPECT_EQ(judged("^blk.0.ffn_norm"), 1U);
  EXPECT_EQ(judged("nothing"), 0U);
}

TEST(VerifyingOps, Stop) {
  const TinyModel model;
  cpu::CpuOps ops(cpu_options());
  reference::ReferenceOps oracle(1);
  int seen = 0;
  VerifyOptions options{.judging = kF32};
  options.on_judged = [&](const JudgedCall&) { ++seen; };
  options.stopped = [&] { return seen == 3; };
  VerifyingOps verifying(ops, oracle, std::move(options));
  EXPECT_EQ(feed(*model, verifying, {2}).size(), 2U * TinyModel::kVocab);
  EXPECT_EQ(seen, 3);
}

TEST(VerifyingOps, TheTwinShowsWhatIsUsual) {
  const TinyModel model;
  cpu::CpuOps ops(cpu_options());
  cpu::CpuOps twin(cpu_options());
  reference::ReferenceOps oracle(1);
  VerifyingOps verifying(ops, oracle, {.judging = {.arithmetic = Arithmetic::f32, .twin = &twin}});
  feed(*model, verifying, {3});
  const VerifiedValue& q = verifying.values().at(at(0, Point::attn_q));
  EXPECT_GT(q.errors.twin, 0);
  EXPECT_EQ(q.errors.twin, q.errors.own);  // the same kernels
  EXPECT_EQ(verifying.values().at(at(0, Point::attn_scores)).errors.twin,
            0);  // the cache is the backend's own
}

}  // namespace
}  // namespace kilter
