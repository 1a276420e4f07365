// What rounding errors of earlier ops do to a value: measured by making them.
#pragma once

#include <memory>

#include "analysis/replay/rounding.h"

namespace kilter::analysis {

/// Moves every value that an op hands on by a random part of what an f32 engine may be off there: sums of n
/// terms by up to kLambda * sqrt(n) * u times the root mean square of their row, other values by 8 u of
/// themselves. The same numbers every time. Where a chain of ops lies between two dumped values, the run with
/// this and the run without it differ by what such a chain may add.
std::shared_ptr<const Rounding> f32_noise();

}  // namespace kilter::analysis
