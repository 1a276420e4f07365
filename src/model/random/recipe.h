// How random bits become sane blocks: where each format keeps its scale, and how
// large its codes are on average.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace kilter {

/// How a format writes the scale of a block.
enum class ScaleForm {
  half,          ///< an f16 at `scale_at`; where `minimum_per_scale` is not 0, a second f16 at `minimum_at`
  half_nibbles,  ///< IQ1_M: the four nibbles of an f16 are the top nibbles of four 16-bit words at `scale_at`
  power_of_two,  ///< MXFP4: one byte, E8M0, 2^(code - 127)
  small_float,   ///< NVFP4: four bytes, UE4M3: 3 bits of mantissa, 4 of exponent with bias 7, subnormals
};

/// Whether the reference encoder of the format gives scales of both signs.
enum class ScaleSign { positive, either };

/// Codes that random bits can form and a reference encoder never writes; they are replaced by 0.
enum class UnusedCode {
  none,
  int8_minimum,      ///< Q8_0: -128
  fourth_of_ternary  ///< TQ2_0, Q2_0: the pair of bits 11, which follows -1, 0 and 1
};

/// Where a format has a minimum for each sub-block, its upper bits are made those of the
/// sub-block's scale. A minimum that ignored the scale would give each sub-block a mean of its own,
/// and products of such rows would run away.
enum class SubMinima {
  none,
  nibbles,  ///< Q2_K: 16 bytes, scale in the low nibble and minimum in the high one; two low bits are free
  packed    ///< Q4_K, Q5_K: twelve bytes of 6-bit numbers; three low bits are free
};

/// One block format.
/// With random codes q and sub-block scales s and m, a block decodes to scale * s*q, less minimum * m where
/// there is a minimum (Q4_1 and Q5_1 add it instead). `mean_square` is the expectation of (value / scale)^2,
/// where minimum = minimum_per_scale * scale, which makes the mean 0.
struct Recipe {
  DType type;
  ScaleForm form = ScaleForm::half;
  size_t scale_at = 0;
  double mean_square = 1;
  ScaleSign sign = ScaleSign::positive;
  size_t minimum_at = 0;
  double minimum_per_scale = 0;
  UnusedCode unused = UnusedCode::none;
  SubMinima sub_minima = SubMinima::none;
  size_t sub_minima_at = 0;
};

/// The recipe for `type`, or null for plain types and types that hold no weights.
const Recipe* find_recipe(DType type);

}  // namespace kilter
