// Diagnoses made by hand, one of each kind.
#pragma once

#include <string>
#include <vector>

#include "analysis/diagnose/diagnosis.h"

namespace kilter::analysis {

struct ExampleDiagnosis {
  std::string name;
  Diagnosis diagnosis;
};

/// What an engine with the given errors would have been told, on a model of 22 layers: "bug" has two named
/// bugs, a tie and an error that nothing explains; "explained", "clean", "undecided", "nothing" are the other
/// outcomes; "logits" is a dump of logits alone, "unknown" one of values without their inputs.
std::vector<ExampleDiagnosis> example_diagnoses();

/// Like "bug", with `tokens` tokens.
Diagnosis long_diagnosis(int32_t tokens);

/// `name` wherever a foreign file can put one.
Diagnosis hostile_diagnosis(const std::string& name);

}  // namespace kilter::analysis
