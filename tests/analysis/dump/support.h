// A graph that is written down here by hand, and the numbers of the samples.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analysis/dump/read_dump.h"
#include "ops/graph.h"

namespace kilter::analysis {

/// What the samples were made for: 2 layers, D = 32, 8 heads of 4, 2 key heads, F = 48, V = 300.
struct TestModel {
  Rope rope;
  Weight attn_q;  ///< blk.0.attn_q.weight
  Graph graph;

  explicit TestModel(RopePairs pairs = RopePairs::adjacent);
  TestModel(const TestModel&) = delete;
  TestModel& operator=(const TestModel&) = delete;

  DumpContext context() const;
};

std::string sample(std::string_view name);
/// A file of that text in the test's own folder; its path.
std::string written(std::string_view name, std::string_view text);

/// Number i of a value, by the sentence at the top of make_samples.py.
float sample_number(std::string_view name, int64_t i);
/// All rows of the run from `first` on, `rows` of them.
std::vector<float> sample_rows(std::string_view name, int64_t first, int64_t rows, int64_t row_size);

/// The dump, or a test failure and an empty one.
Dump read(const std::vector<std::string>& paths, const DumpContext& context);
/// The value, or null and a test failure.
const Observed* find(const Dump& dump, At at);
/// Its elements, or a test failure and none.
Elements load(const Observed& value);

}  // namespace kilter::analysis
