// A benchmark as a picture.
#pragma once

#include <string>

#include "cli/bench/plan.h"

namespace kilter::cli {

/// A self-contained SVG, dark where the reader's screen is: a bar of tokens a second for each run, and below
/// it one of how near the run comes to the nearer of its two roofs.
std::string bench_svg(const BenchReport& report);

}  // namespace kilter::cli
