// Two dumps of the same run, number by number. Nothing here says which is right.
#pragma once

#include <string>
#include <vector>

#include "analysis/dump/dump.h"

namespace kilter::analysis {

/// One value that both dumps have.
struct PairedValue {
  At at;
  int64_t compared = 0;  ///< elements that both know
  int64_t equal = 0;     ///< of them, to the bit
  double max_abs = 0;    ///< largest |a - b|; infinite where one is NaN
  double nmse = 0;       ///< sum (a - b)^2 / sum a^2
  double cosine = 1;
  int32_t token = -1;  ///< where max_abs is
  int64_t element = -1;
  double a = 0;
  double b = 0;
};

struct DumpComparison {
  std::vector<PairedValue> values;  ///< in the order of the pass
  std::vector<At> only_a;
  std::vector<At> only_b;

  /// The first that differs by more than roundings of f32 do: an NMSE above 1e-9, which is a relative error
  /// of 3e-5; null where none does.
  const PairedValue* first_different() const;
};

/// Errors: mismatch, when the runs are on different token ids, with both lists; those of the dumps' files.
Result<DumpComparison> compare_dumps(const Dump& a, const Dump& b);

}  // namespace kilter::analysis
