// How well numbers that were seen agree with those that were expected.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/dump/dump.h"
#include "analysis/judge/expected_error.h"

namespace kilter::analysis {

/// One element of a value.
struct Place {
  int32_t token = -1;    ///< the row, as a token of the run
  int64_t element = -1;  ///< within the row
  double seen = 0;
  double expected = 0;
  double bound = 0;  ///< the expected one
};

/// margin = |seen - expected| / bound, over all elements that the dump has.
struct Score {
  int64_t compared = 0;
  int64_t equal = 0;         ///< to the bit of f32
  int64_t beyond = 0;        ///< elements whose margin exceeds 1
  int64_t incomparable = 0;  ///< elements that no bound exists for: an infinity that the op makes on purpose
  double margin = 0;         ///< the largest, against the expected bound; infinite for a NaN
  double guaranteed_margin = 0;  ///< the largest against the guaranteed bound
  double nmse = 0;               ///< sum (seen - expected)^2 / sum expected^2
  double cosine = 1;
  double checksum_margin = 0;  ///< of printed sums; also in margin
  double seen_rms = 0;
  double rms_margin = 0;  ///< root mean square of the margins
  /// The share of elements whose margin is more than a thirtieth of rms_margin: near 1 where errors are
  /// everywhere, near 0 where a few numbers are wrong. Of errors that are normally distributed, 0.97.
  double spread = 0;
  Place worst;
  /// Elements by their margin: up to 1e-3, 1e-2, .. 1e6, and above.
  std::array<int64_t, 11> histogram{};
  std::vector<double> row_margins;  ///< one a row of Observed::rows

  bool fits() const { return compared > 0 && margin <= 1; }
};

/// What is compared.
struct Comparison {
  const Observed& seen;
  const Elements& elements;
  std::span<const float> expected;  ///< [rows, row_size]
  std::span<const int32_t> rows;    ///< tokens of the rows of `expected`; all of seen.rows are among them
  const ErrorBounds& bounds;        ///< of `expected`
};

/// A score that is infinite when sizes do not agree.
Score score_of(const Comparison& c);

}  // namespace kilter::analysis
