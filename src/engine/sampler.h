// Which token comes next.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kilter/engine.h"

namespace kilter {

/// Errors: usage, naming the option that is out of range.
Status check_sampling(const SamplingOptions& options);

/// Picks a token. A pure function of its arguments: the draw is Philox of (seed, position), so the same
/// answer comes out alone, in a batch, and after a rewind.
///   logits    [V]; NaN counts as -infinity
///   recent    tokens before this position, the newest last; repeat_penalty looks at 64 of them
///   position  of the token that is picked, in the sequence
/// Source   top-k: Fan et al. 2018; top-p: Holtzman et al. 2020; min-p: Nguyen et al. 2024; penalty: Keskar
/// et al. 2019.
int32_t sample(std::span<const float> logits, std::span<const int32_t> recent, int64_t position,
               const SamplingOptions& options);

/// The `n` most likely tokens, most likely first, the lower id first among equals;
/// logprob = logit - log sum exp.
std::vector<TokenLogprob> most_likely(std::span<const float> logits, int n);

/// log of the probability of `id`.
double log_probability(std::span<const float> logits, int32_t id);

}  // namespace kilter
