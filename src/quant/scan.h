// What is odd in the blocks of a tensor: NaN, infinities, scales that a healthy file does not have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "kilter/result.h"
#include "tensor/dtype.h"

namespace kilter::quant {

/// A group is reported as large when its step, the scale that multiplies its codes (say d * sc[g]), is above.
/// Why 64: steps of trained weights are far below; those of SmolLM2-135M in Q4_1 lie between 0.0007 and 0.77,
/// 98 of 100 between 0.0015 and 0.098. The most telling damage, a flipped top exponent bit of an f16 scale
/// below 1, multiplies the step by 65536: every step above 2^-10 comes out above 64.
inline constexpr float kLargeStep = 64.0f;

/// How often something was met, and where first.
struct Sighting {
  uint64_t count = 0;
  std::optional<uint64_t> first_block;  ///< index of the first block that has it; nothing when count is 0
};

/// The findings of scan(). For plain types a block is one value, and there are no scales.
/// Scales are the ones stored as floats: one a block, four for NVFP4. Minimums (dmin, m) are not among them:
/// zero and negative ones are usual.
struct BlockScan {
  uint64_t blocks = 0;
  uint64_t values = 0;
  Sighting nan_values;
  Sighting infinite_values;
  Sighting zero_scales;       ///< the whole block is zero, or its minimum: usual for unused rows
  Sighting subnormal_scales;  ///< not zero, below the normal range of its encoding: lost precision
  Sighting negative_scales;   ///< usual for Q4_0, Q5_0, Q3_K, Q6_K, Q8_K and IQ4; odd for the others
  Sighting large_steps;       ///< groups whose |scale| is finite and above kLargeStep
};

/// Decodes every block and counts.
/// Errors   usage, when the size is not whole blocks.
Result<BlockScan> scan(DType type, std::span<const std::byte> bytes);

}  // namespace kilter::quant
