// The work of `kilter bench`: the machine's roofs, then every test.
#pragma once

#include <string>

#include "cli/bench/plan.h"
#include "engine/loaded_model.h"

namespace kilter::cli {

/// Measures all of the plan with random tokens, the same each time. A test is run once to warm up, then
/// `repetitions` times for its seconds, then once more with the stages watched. Progress goes to standard
/// error. Errors: those of make_backend and Sequence::feed; interrupted.
Result<BenchReport> measure(const LoadedModel& loaded, const BenchPlan& plan);

}  // namespace kilter::cli
