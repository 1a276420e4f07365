// Whether a choice among numbers follows from them, or from how they were rounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace kilter {

/// What a choice is worth.
enum class Choice {
  same,         ///< as the oracle chooses, and no rounding within the bounds would change it
  undecidable,  ///< the gap is smaller than its bound: either choice is a right one at this precision
  different,    ///< not as the oracle chooses, though the gap is larger than its bound
};

/// The set of the k largest of n numbers: k = 1 is the greedy token.
struct Decision {
  std::vector<int64_t> chosen;  ///< by the values, the largest first, the lower index first among equals
  std::vector<int64_t> right;   ///< by the oracle
  double gap = 0;    ///< between the two numbers of the oracle, one chosen and one not, of the smallest ratio
  double bound = 0;  ///< how far that gap may be off: the bounds of both together
  double ratio = 0;  ///< gap / bound; below 1 the choice is undecidable. Infinite where nothing is left out

  Choice choice() const;
};

/// Shapes   values, oracle, bounds: [n], 1 <= k <= n.   NaN counts as -infinity. A bound that is NaN makes
/// the choice undecidable.
Decision decide(std::span<const float> values, std::span<const float> oracle, std::span<const double> bounds,
                size_t k);

}  // namespace kilter
