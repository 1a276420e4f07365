// What the errors of a value have in common, where no known bug explains it.
#pragma once

#include <string>
#include <vector>

#include "analysis/judge/value_judge.h"

namespace kilter::analysis {

/// Sentences such as "token 0 is right, all others are wrong", "heads 4 to 7 are wrong", "every element is 8
/// times too large", "each row holds the right numbers in another order". `expected`: [rows.size(), row_size]
/// of `seen`'s rows.
std::vector<std::string> error_patterns(const SeenValue& seen, std::span<const float> expected,
                                        const Score& score);

}  // namespace kilter::analysis
