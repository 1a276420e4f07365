// What a product with block types makes of its activations: rule 1 of the arithmetic contract, by itself.
#pragma once

#include <cstdint>
#include <span>

#include "ops/contract.h"

namespace kilter {

/// Activations that share a scale.
constexpr int64_t kActivationBlock = 256;

/// The numbers that a product in fast, accurate or exact multiplies with, for one row of activations. In each
/// block of 256, with largest = max |x[k]| and top = 127, 32639 or 8355710,
///   x[k] becomes scale * a,   a = x[k] * inverse rounded to the nearest integer, ties to even,
///   inverse = top / largest and scale = largest / top, both rounded to f32.
/// All are 0 where largest < 2^-100, and NaN where largest is infinite or NaN. Of any other arithmetic the
/// row comes back as it is. Shapes   x, to: [n], may be the same. Rounding scale * a once to f32, which the
/// bounds of contract.h have room for: they count three roundings of
///          each activation, and here none is left of those.
void round_activations(Arithmetic arithmetic, std::span<const float> x, std::span<float> to);

}  // namespace kilter
