// The CPU backend on whole passes: each op by the contract, from the very operands that it was given, and
// the logits against the independent transformer (README.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>

#include "backend/cpu/cpu_ops.h"
#include "backend/cpu/select_kernels.h"
#include "backend/reference/reference_ops.h"
#include "base/processors.h"
#include "golden_files.h"
#include "golden_model.h"
#include "observe/verifying_ops.h"

namespace kilter::golden {
namespace {

struct Mode {
  const char* name;
  Arithmetic arithmetic;
  cpu::KvType kv;
};
constexpr Mode kFast{"fast", Arithmetic::fast, cpu::KvType::f16};
constexpr Mode kAccurate{"accurate", Arithmetic::accurate, cpu::KvType::f16};
constexpr Mode kExact{"exact", Arithmetic::exact, cpu::KvType::f32};
constexpr Mode kF32{"f32", Arithmetic::f32, cpu::KvType::f32};
constexpr Mode kModes[] = {kFast, kAccurate, kExact, kF32};

void PrintTo(const Mode& mode, std::ostream* out) { *out << mode.name; }

std::unique_ptr<Ops> cpu_ops(const Mode& mode, int threads) {
  return std::make_unique<cpu::CpuOps>(cpu::CpuOptions{
      .kernels = *cpu::select_kernels(""), .mode = mode.arithmetic, .kv = mode.kv, .threads = threads});
}

std::vector<float> logits_through(GoldenModel& model, const std::vector<int32_t>& ids, Ops& observer) {
  const auto n = static_cast<int64_t>(ids.size());
  KvCache kv = model.new_cache(KvCache::blocks_for(n));
  const int32_t sequence = kv.add_sequence();
  EXPECT_TRUE(kv.extend(sequence, n).ok());
  return model.pass(kv, batch_of(ids, sequence, 0), observer);
}

// Judges every op of a pass over the prompt.
void expect_all_within(GoldenModel& model, Arithmetic arithmetic, const std::vector<int32_t>& ids) {
  reference::ReferenceOps oracle(2);
  VerifyingOps verifying(model.ops(), oracle, {.judging = {.arithmetic = arithmetic}});
  logits_through(model, ids, verifying);
  for (const auto& [at, value] : verifying.values()) {
    EXPECT_TRUE(passes(value.margins.verdict()))
        << to_string(at) << " (" << value.op << ") is " << to_string(value.margins.verdict()) << ": element "
        << value.margins.worst_at << " at " << value.margins.worst << " of its bound";
  }
  const Margins all = verifying.all();
  EXPECT_GT(all.elements, 0);
  testing::Test::RecordProperty("share", std::to_string(all.worst));
  testing::Test::RecordProperty("share_of_expected", std::to_string(all.worst_of_expected));
}

// Moves every value by a random part of what the contract allows its op.
class NoisyOps final : public OpsWrapper {
 public:
  NoisyOps(Ops& inner, Arithmetic arithmetic, uint32_t seed)
      : OpsWrapper(inner),
        bounds_(inner, inner, {.arithmetic = arithmetic, .operands = Operands::given}),
        random_(seed) {}

 protected:
  void call(const OpCall& c) override {
    if (c.is_kv_store()) return OpsWrapper::call(c);
    const Judgement judgement = bounds_.judge(c);
    std::uniform_real_distribution<double> part(-1, 1);
    for (size_t i = 0; i < judgement.oracle.size(); ++i) {
      const double noise = part(random_) * judgement.guaranteed[i];
      const bool hidden = std::isinf(judgement.oracle[i]);  // a score that no row may see
      c.y->data[i] = hidden ? judgement.oracle[i] : static_cast<float>(double{judgement.oracle[i]} + noise);
    }
  }

 private:
  CallBounds bounds_;
  std::mt19937 random_;
};

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(double{a[i]} - double{b[i]}));
  return largest;
}

// How far the logits of an arithmetic may be from those in f64: 4 times the largest movement over the trials
// in which every value of the pass moves by a random part of its bound (as oracle/noise.py does it in f64).
double noise_bound(GoldenModel& reference, const std::vector<int32_t>& ids, Arithmetic arithmetic,
                   int trials) {
  constexpr double kSafety = 4;
  const std::vector<float> still = reference.logits(ids);
  double largest = 0;
  for (int trial = 0; trial < trials; ++trial) {
    NoisyOps noisy(reference.ops(), arithmetic, static_cast<uint32_t>(trial));
    largest = std::max(largest, largest_difference(logits_through(reference, ids, noisy), still));
  }
  return kSafety * largest;
}

class CpuGolden : public testing::TestWithParam<std::tuple<Case, Mode>> {
 protected:
  CpuGolden() {
    if (c_.ids.size() > 150) c_.ids.resize(150);
  }
  Case c_ = std::get<0>(GetParam());
  const Mode mode_ = std::get<1>(GetParam());
};

TEST_P(CpuGolden, EveryOpOfThePassKeepsItsContract) {
  GoldenModel model(c_.model_path(), cpu_ops(mode_, 2));
  ASSERT_TRUE(model.usable());
  expect_all_within(model, mode_.arithmetic, c_.ids);
}

TEST_P(CpuGolden, LogitsOfEveryPosition) {
  GoldenModel model(c_.model_path(), cpu_ops(mode_, 2));
  ASSERT_TRUE(model.usable());
  std::vector<float> expected = c_.expected_logits();
  expected.resize(c_.ids.size() * model.n_vocab());
  const double error = largest_difference(model.logits(c_.ids), expected);
  RecordProperty("error", std::to_string(error * 1e6) + "e-6");
  if (mode_.kv == cpu::KvType::f16) return;  // the cache rounds as well
  GoldenModel reference(c_.model_path(), 2);
  const double bound = noise_bound(reference, c_.ids, mode_.arithmetic, 3);
  RecordProperty("share", std::to_string(error / bound));
  EXPECT_LE(error, bound);
}

std::string case_name(const testing::TestParamInfo<CpuGolden::ParamType>& info) {
  return std::get<0>(info.param).name + "_" + std::get<1>(info.param).name;
}
INSTANTIATE_TEST_SUITE_P(Models, CpuGolden,
                         testing::Combine(testing::ValuesIn(all_cases()), testing::ValuesIn(kModes)),
                         case_name);

// ./check fetches the model and names it in KILTER_SMOLLM2.
class CpuGoldenSmolLM2 : public testing::TestWithParam<Mode> {
 protected:
  void SetUp() override {
    const char* path = std::getenv("KILTER_SMOLLM2");
    if (path == nullptr || *path == '\0') GTEST_SKIP() << "KILTER_SMOLLM2 does not name the model's file";
    path_ = path;
  }
  std::string path_;
};

TEST_P(CpuGoldenSmolLM2, EveryOpOfAPassKeepsItsContract) {
  GoldenModel model(path_, cpu_ops(GetParam(), usable_processors()));
  ASSERT_TRUE(model.usable());
  expect_all_within(model, GetParam().arithmetic, {504, 2365, 6354});
}

// The most likely token is the same, unless the gap to the next is less than what the mode is off.
TEST_P(CpuGoldenSmolLM2, SampledLogits) {
  GoldenModel model(path_, cpu_ops(GetParam(), usable_processors()));
  ASSERT_TRUE(model.usable());
  for (const SampledPrompt& prompt : smollm2_prompts()) {
    const std::vector<float> logits = model.logits(prompt.ids);
    for (const SampledRow& row : prompt.rows) {
      const auto begin = logits.begin() + row.position * static_cast<int64_t>(model.n_vocab());
      double largest = 0;
      for (size_t i = 0; i < row.ids.size(); ++i) {
        largest = std::max(largest, std::abs(*(begin + row.ids[i]) - row.logits[i]));
      }
      RecordProperty(prompt.name + std::to_string(row.position), std::to_string(largest * 1e6) + "e-6");
      const auto best = std::max_element(begin, begin + static_cast<int64_t>(model.n_vocab())) - begin;
      const bool decided = row.logits[0] - row.logits[1] > 2 * largest;
      EXPECT_TRUE(!decided || best == row.ids.front()) << prompt.name << " position " << row.position;
    }
  }
}

// Over the first tokens of a prompt: a pass on the reference for each trial.
TEST_P(CpuGoldenSmolLM2, LogitsAreWithinTheNoise) {
  if (GetParam().kv == cpu::KvType::f16) GTEST_SKIP() << "the cache rounds as well";
  constexpr size_t kTokens = 7;
  const std::vector<SampledPrompt> prompts = smollm2_prompts();
  const auto prose =
      std::find_if(prompts.begin(), prompts.end(), [](const auto& p) { return p.name == "prose"; });
  ASSERT_NE(prose, prompts.end());
  const std::vector<int32_t> ids(prose->ids.begin(), prose->ids.begin() + kTokens);
  GoldenModel model(path_, cpu_ops(GetParam(), usable_processors()));
  GoldenModel reference(path_, usable_processors());
  ASSERT_TRUE(model.usable() && reference.usable());
  const std::vector<float> logits = model.logits(ids);
  const double bound = noise_bound(reference, ids, GetParam().arithmetic, 2);
  double largest = 0;
  for (const SampledRow& row : prose->rows) {
    if (row.position >= static_cast<int64_t>(kTokens)) continue;
    const float* of_row = logits.data() + row.position * static_cast<int64_t>(model.n_vocab());
    for (size_t i = 0; i < row.ids.size(); ++i) {
      largest = std::max(largest, std::abs(of_row[row.ids[i]] - row.logits[i]));
    }
  }
  RecordProperty("bound", std::to_string(bound));
  RecordProperty("share", std::to_string(largest / bound));
  EXPECT_GT(largest, 0) << "no row was compared";
  EXPECT_LE(largest, bound);
}

INSTANTIATE_TEST_SUITE_P(Modes, CpuGoldenSmolLM2, testing::ValuesIn(kModes),
                         [](const auto& mode) { return std::string(mode.param.name); });

}  // namespace
}  // namespace kilter::golden
