// Values of a dump as rows of text.
#pragma once

#include <string>
#include <string_view>

#include "analysis/diagnose/diagnosis.h"

namespace kilter::analysis {

inline constexpr std::string_view kTableLegend =
    "seen, expected: at the worst place. margin: |seen - expected| in bounds of f32 arithmetic, before any "
    "explanation; above 1 "
    "is wrong or rounded elsewhere.";

/// A few rows: around the first wrong value, or the largest margins where nothing is wrong. Empty where
/// nothing was compared.
std::string value_table(const Diagnosis& d);

/// All values, in the order of the pass.
std::string every_value_table(const Diagnosis& d);

}  // namespace kilter::analysis
