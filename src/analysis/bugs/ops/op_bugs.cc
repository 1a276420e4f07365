#include "analysis/bugs/ops/op_bugs.h"

#include <algorithm>

#include "analysis/bugs/ops/families.h"

namespace kilter::analysis {
namespace {

std::vector<OpBug> all_families() {
  std::vector<OpBug> all;
  for (const auto& family :
       {id_bugs, logit_row_bugs, rope_pair_bugs, rope_frequency_bugs, rope_position_bugs, rope_use_bugs,
        mask_bugs, attention_bugs, attention_number_bugs, kv_cache_bugs, norm_bugs, qk_norm_bugs,
        residual_bugs, feed_forward_bugs, multiplier_bugs, bias_bugs, head_bugs, storage_bugs}) {
    for (OpBug& bug : family()) all.push_back(std::move(bug));
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const OpBug& a, const OpBug& b) { return a.info().rank < b.info().rank; });
  return all;
}

}  // namespace

std::span<const Bug* const> op_bugs() {
  static const std::vector<OpBug> kBugs = all_families();
  static const std::vector<const Bug*> kPointers = [] {
    std::vector<const Bug*> pointers;
    for (const OpBug& bug : kBugs) pointers.push_back(&bug);
    return pointers;
  }();
  return kPointers;
}

}  // namespace kilter::analysis
