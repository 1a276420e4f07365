// Ids before everything: two runs on different tokens have nothing to compare.
#pragma once

#include <span>

#include "analysis/diagnose/diagnosis.h"

namespace kilter::analysis {

/// -1 where the vocabulary has none.
struct SpecialIds {
  int32_t bos = -1;
  int32_t eos = -1;
};

/// Adds, in front of all others, the finding that the engine ran on other ids than its text has. Does nothing
/// where they are the same.
void add_token_ids(std::span<const int32_t> right, std::span<const int32_t> theirs, const SpecialIds& special,
                   Diagnosis& diagnosis);

}  // namespace kilter::analysis
