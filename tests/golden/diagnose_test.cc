// Runs of an independent transformer in numpy f64 (README.md), as dumps: an engine that is right.
#include <gtest/gtest.h>

#include <algorithm>

#include "analysis/diagnose/search.h"
#include "engine/list_forward.h"
#include "golden_files.h"
#include "golden_model.h"

namespace kilter::golden {
namespace {

using analysis::Diagnosis;
using analysis::Dump;
using analysis::Outcome;

class DiagnosedCase {
 public:
  explicit DiagnosedCase(const Case& c) : model_(c.model_path(), 1) {
    dump_.tokens = c.ids;
    dump_.passes = {static_cast<int64_t>(c.ids.size())};
  }

  void show(At at, const std::vector<float>& values) {
    analysis::Observed o;
    o.at = at;
    for (int32_t t = 0; t < static_cast<int32_t>(dump_.tokens.size()); ++t) o.rows.push_back(t);
    o.shape = {static_cast<int64_t>(values.size() / dump_.tokens.size())};
    o.complete = true;
    o.load = [values]() -> Result<analysis::Elements> { return analysis::Elements{values, {}}; };
    dump_.values[at] = std::move(o);
  }

  Diagnosis diagnose() {
    const Result<Graph> graph = graph_of(model_.model());
    EXPECT_TRUE(graph.ok());
    analysis::ReplayModel replay;
    replay.graph = &*graph;
    const std::vector<const Weight*> weights = model_.model().weights();
    replay.weight = [&](std::string_view name) {
      const auto found =
          std::find_if(weights.begin(), weights.end(), [&](const Weight* w) { return w->name == name; });
      return found == weights.end() ? nullptr : *found;
    };
    analysis::SearchOptions options;
    options.bugs = analysis::all_bugs();
    Result<Diagnosis> d = analysis::search(model_.ops(), replay, dump_, options);
    EXPECT_TRUE(d.ok());
    return d.ok() ? std::move(*d) : Diagnosis();
  }

  bool usable() const { return model_.usable(); }
  const Model& model() const { return model_.model(); }

 private:
  GoldenModel model_;
  Dump dump_;
};

TEST(DiagnoseGolden, EveryNamedValueIsRight) {
  DiagnosedCase biases(find_case("biases"));
  ASSERT_TRUE(biases.usable());
  const Result<Graph> graph = graph_of(biases.model());
  ASSERT_TRUE(graph.ok());
  const std::map<std::string, ExpectedPoint> points = all_points_of_biases();
  for (const Node& node : graph->nodes()) biases.show(node.at, points.at(to_string(node.at)).values);
  const Diagnosis d = biases.diagnose();
  EXPECT_EQ(d.outcome, Outcome::clean);
  EXPECT_TRUE(d.findings.empty());
  EXPECT_EQ(d.coverage.compared, static_cast<int64_t>(points.size()));
}

class DiagnoseLogits : public testing::TestWithParam<Case> {};

// The whole pass lies between the ids and the logits.
TEST_P(DiagnoseLogits, AloneAreRight) {
  DiagnosedCase one(GetParam());
  ASSERT_TRUE(one.usable());
  one.show(at(Point::logits), GetParam().expected_logits());
  const Diagnosis d = one.diagnose();
  EXPECT_EQ(d.outcome, Outcome::clean);
  EXPECT_EQ(d.their_top, d.right_top);
}

std::string case_name(const testing::TestParamInfo<Case>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Models, DiagnoseLogits, testing::ValuesIn(all_cases()), case_name);

}  // namespace
}  // namespace kilter::golden
