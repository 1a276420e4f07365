#include <algorithm>

#include "analysis/bugs/bug.h"
#include "analysis/bugs/ops/op_bugs.h"
#include "analysis/bugs/weights/weight_bugs.h"

namespace kilter::analysis {

std::span<const Bug* const> all_bugs() {
  static const std::vector<const Bug*> all = [] {
    std::vector<const Bug*> joined(weight_bugs().begin(), weight_bugs().end());
    joined.insert(joined.end(), op_bugs().begin(), op_bugs().end());
    std::stable_sort(joined.begin(), joined.end(),
                     [](const Bug* a, const Bug* b) { return a->info().rank < b->info().rank; });
    return joined;
  }();
  return all;
}

}  // namespace kilter::analysis
