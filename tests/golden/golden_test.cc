// The reference backend against an independent transformer in numpy f64 (README.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "base/processors.h"
#include "golden_files.h"
#include "golden_model.h"
#include "observe/op_call.h"

namespace kilter::golden {
namespace {

// An f32 that holds a number is off by at most this: half a unit in its last place.
double rounding(double f32) { return 0x1p-24 * std::abs(f32) + 0x1p-150; }

// The largest |value - expected| as a share of what is allowed: the noise of the pass in f64, one rounding
// for the value, and one for an expected number that stands in a file of f32. Infinite where only one of the
// two is not a number, or an infinity differs.
double largest_share(std::span<const float> values, std::span<const float> expected, double noise) {
  EXPECT_EQ(values.size(), expected.size());
  double largest = 0;
  for (size_t i = 0; i < expected.size() && i < values.size(); ++i) {
    if (values[i] == expected[i]) continue;  // infinities too
    const double difference = std::abs(double{values[i]} - double{expected[i]});
    const double share = difference / (noise + rounding(values[i]) + rounding(expected[i]));
    largest = std::isfinite(share) ? std::max(largest, share) : HUGE_VAL;
  }
  return largest;
}

class Golden : public testing::TestWithParam<Case> {};

TEST_P(Golden, LogitsOfEveryPosition) {
  const Case& c = GetParam();
  GoldenModel model(c.model_path(), 2);
  ASSERT_TRUE(model.usable());
  const double share = largest_share(model.logits(c.ids), c.expected_logits(), c.noise);
  RecordProperty("share", std::to_string(share));
  EXPECT_LE(share, 1);
}

std::string case_name(const testing::TestParamInfo<Case>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Models, Golden, testing::ValuesIn(all_cases()), case_name);

// Keeps every value of a pass under its name.
class Recorder final : public OpsWrapper {
 public:
  using OpsWrapper::OpsWrapper;
  std::map<std::string, std::vector<float>> values;

 protected:
  void call(const OpCall& c) override {
    OpsWrapper::call(c);
    const Tensor& made = c.is_kv_store() ? *c.x : *c.y;
    std::vector<float>& kept = values[to_string(c.at)];
    EXPECT_TRUE(kept.empty()) << to_string(c.at) << " is made twice";
    kept.resize(static_cast<size_t>(made.shape.elements()));
    device().read_back(made, kept);
  }
};

// When an op is wrong, this says which value was the first to be.
TEST(GoldenPoints, EveryNamedValueOfAPass) {
  const Case c = find_case("biases");
  GoldenModel model(c.model_path(), 2);
  ASSERT_TRUE(model.usable());
  KvCache kv = model.new_cache(1);
  const int32_t sequence = kv.add_sequence();
  ASSERT_TRUE(kv.extend(sequence, static_cast<int64_t>(c.ids.size())).ok());
  Recorder recorder(model.ops());
  model.pass(kv, batch_of(c.ids, sequence, 0), recorder);

  std::map<std::string, ExpectedPoint> expected = all_points_of_biases();
  for (const auto& [name, point] : expected) {
    ASSERT_TRUE(recorder.values.contains(name)) << name << " was not made";
    EXPECT_LE(largest_share(recorder.values[name], point.values, point.noise), 1) << name;
  }
  for (const auto& [name, values] : recorder.values) EXPECT_TRUE(expected.contains(name)) << name;
}

// ./check fetches the model and names it in KILTER_SMOLLM2.
TEST(GoldenSmolLM2, SampledLogits) {
  const char* path = std::getenv("KILTER_SMOLLM2");
  if (path == nullptr || *path == '\0') GTEST_SKIP() << "KILTER_SMOLLM2 does not name the model's file";
  GoldenModel model(path, usable_processors());
  ASSERT_TRUE(model.usable());
  for (const SampledPrompt& prompt : smollm2_prompts()) {
    const std::vector<float> logits = model.logits(prompt.ids);
    for (const SampledRow& row : prompt.rows) {
      const auto begin = logits.begin() + row.position * model.model().n_vocab();
      EXPECT_EQ(std::max_element(begin, begin + model.model().n_vocab()) - begin, row.ids.front());
      double largest = 0;
      for (size_t i = 0; i < row.ids.size(); ++i) {
        const double logit = *(begin + row.ids[i]);
        const double difference = std::abs(logit - row.logits[i]);
        EXPECT_LE(difference, prompt.noise + rounding(logit))
            << prompt.name << " position " << row.position << " token " << row.ids[i];
        largest = std::max(largest, difference);
      }
      RecordProperty(prompt.name + std::to_string(row.position), std::to_string(largest * 1e6) + "e-6");
    }
  }
}

}  // namespace
}  // namespace kilter::golden
