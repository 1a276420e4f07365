// The reference backend against an independent transformer in numpy f64 (README.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "golden_files.h"
#include "observe/op_call.h"
#include "reference_model.h"

namespace kilter::golden {
namespace {

// The largest |value - expected|. Infinite where only one of the two is not a number, or an infinity differs.
double largest_difference(std::span<const float> values, std::span<const float> expected) {
  EXPECT_EQ(values.size(), expected.size());
  double largest = 0;
  for (size_t i = 0; i < expected.size() && i < values.size(); ++i) {
    if (values[i] == expected[i]) continue;  // infinities too
    const double difference = std::abs(double{values[i]} - double{expected[i]});
    largest = std::isfinite(difference) ? std::max(largest, difference) : HUGE_VAL;
  }
  return largest;
}

class Golden : public testing::TestWithParam<Case> {};

TEST_P(Golden, LogitsOfEveryPosition) {
  const Case& c = GetParam();
  ReferenceModel model(c.model_path(), 2);
  ASSERT_TRUE(model.usable());
  const double found = largest_difference(model.logits(c.ids), c.expected_logits());
  RecordProperty("margin", std::to_string(found / c.bound));
  EXPECT_LE(found, c.bound);
  EXPECT_LE(c.bound, 1e-4);
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
  ReferenceModel model(c.model_path(), 2);
  ASSERT_TRUE(model.usable());
  KvCache kv = model.new_cache(1);
  const int32_t sequence = kv.add_sequence();
  ASSERT_TRUE(kv.extend(sequence, static_cast<int64_t>(c.ids.size())).ok());
  Recorder recorder(model.ops());
  model.pass(kv, batch_of(c.ids, sequence, 0), recorder);

  std::map<std::string, ExpectedPoint> expected = all_points_of_biases();
  for (const auto& [name, point] : expected) {
    ASSERT_TRUE(recorder.values.contains(name)) << name << " was not made";
    EXPECT_LE(largest_difference(recorder.values[name], point.values), point.bound) << name;
  }
  for (const auto& [name, values] : recorder.values) EXPECT_TRUE(expected.contains(name)) << name;
}

// ./check fetches the model and names it in KILTER_SMOLLM2.
TEST(GoldenSmolLM2, SampledLogits) {
  const char* path = std::getenv("KILTER_SMOLLM2");
  if (path == nullptr || *path == '\0') GTEST_SKIP() << "KILTER_SMOLLM2 does not name the model's file";
  ReferenceModel model(path, usable_processors());
  ASSERT_TRUE(model.usable());
  for (const SampledPrompt& prompt : smollm2_prompts()) {
    const std::vector<float> logits = model.logits(prompt.ids);
    for (const SampledRow& row : prompt.rows) {
      const auto begin = logits.begin() + row.position * model.model().n_vocab();
      EXPECT_EQ(std::max_element(begin, begin + model.model().n_vocab()) - begin, row.ids.front());
      double largest = 0;
      for (size_t i = 0; i < row.ids.size(); ++i) {
        largest = std::max(largest, std::abs(double{*(begin + row.ids[i])} - row.logits[i]));
      }
      EXPECT_LE(largest, prompt.bound) << prompt.name << " position " << row.position;
      RecordProperty(prompt.name + std::to_string(row.position), std::to_string(largest));
    }
  }
}

}  // namespace
}  // namespace kilter::golden
