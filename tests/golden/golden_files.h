// What the oracle wrote (README.md): models, prompts, expected numbers, and how far
// f64 arithmetic may be from them (`noise`).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace kilter::golden {

/// One small model with one prompt, and the logits of every position.
struct Case {
  std::string name;
  double noise = 0;  ///< of the logits in f64, before an f32 holds them
  std::vector<int32_t> ids;

  std::string model_path() const;
  std::vector<float> expected_logits() const;  ///< [T, V], each rounded once
};

/// All lines of models/cases.txt.
std::vector<Case> all_cases();
/// The case called `name`; a test failure and an empty case when there is none.
Case find_case(const std::string& name);

/// One named value of a pass.
struct ExpectedPoint {
  double noise = 0;
  std::vector<float> values;
};
/// models/points.txt and points.f32: every value of the pass over the case `biases`, by name.
std::map<std::string, ExpectedPoint> all_points_of_biases();

/// Some logits of one position of a prompt for SmolLM2-135M-Instruct.
struct SampledRow {
  int64_t position = 0;
  std::vector<int32_t> ids;
  std::vector<double> logits;  ///< all digits; the first is the largest of the whole row
};
struct SampledPrompt {
  std::string name;
  double noise = 0;
  std::vector<int32_t> ids;
  std::vector<SampledRow> rows;
};
/// smollm2.txt
std::vector<SampledPrompt> smollm2_prompts();

}  // namespace kilter::golden
