// What rounding errors of earlier ops do to a value: measured by making them.
#pragma once

#include <memory>
#include <span>

#include "analysis/replay/rounding.h"

namespace kilter::analysis {

/// Moves every value that an op hands on by a random part of what an f32 engine may be off there: sums of n
/// terms by up to kLambda * sqrt(n) * u times the root mean square of their row, other values by 8 u of
/// themselves. The same numbers every time. Where a chain of ops lies between two dumped values, the run with
/// this and the run without it differ by what such a chain may add.
///
/// `amid_roundings`: 32 times as much. Where operands are rounded to fewer bits, a small difference decides
/// which way, and becomes a step.
enum class NoiseSize { plain, amid_roundings };
std::shared_ptr<const Rounding> f32_noise(NoiseSize size);

/// Moves each number of a value by a random part, the same every time, of `of_element` times itself and
/// `of_row` times the root mean square of all.
void move_randomly(At at, double of_element, double of_row, std::span<float> y);

}  // namespace kilter::analysis
