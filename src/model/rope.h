// From the metadata's rope numbers to one frequency a pair.
#pragma once

#include <span>

#include "model/config.h"
#include "ops/layer.h"

namespace kilter {

/// The rotation of a head.
///   base_i = freq_base^(-2i/n_rot) / factors[i]
///   none    frequency_i = base_i
///   linear  frequency_i = base_i / factor
///   yarn    frequency_i = base_i * (r_i + (1 - r_i) / factor),  r_i = ext_factor * (1 - ramp(i))
///           ramp(i) = clamp((i - low) / (high - low), 0, 1), low and high from beta_fast and beta_slow
/// Shapes   factors: [n_rot / 2] from `rope_freqs.weight`, or empty for all ones.
/// Source   Su et al. 2021; Chen et al. 2023; Peng et al. 2023, section 3.2 and eq. 22 (magnitude).
Rope make_rope(const RopeConfig& config, RopePairs pairs, std::span<const float> factors);

}  // namespace kilter
