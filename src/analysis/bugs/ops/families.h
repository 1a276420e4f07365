// The families of op_bugs.cc, a file each.
#pragma once

#include <vector>

#include "analysis/bugs/ops/op_bug.h"

namespace kilter::analysis {

std::vector<OpBug> id_bugs();
std::vector<OpBug> logit_row_bugs();
std::vector<OpBug> rope_pair_bugs();
std::vector<OpBug> rope_frequency_bugs();
std::vector<OpBug> rope_position_bugs();
std::vector<OpBug> rope_use_bugs();
std::vector<OpBug> mask_bugs();
std::vector<OpBug> attention_bugs();
std::vector<OpBug> attention_number_bugs();
std::vector<OpBug> kv_cache_bugs();
std::vector<OpBug> norm_bugs();
std::vector<OpBug> qk_norm_bugs();
std::vector<OpBug> residual_bugs();
std::vector<OpBug> feed_forward_bugs();
std::vector<OpBug> multiplier_bugs();
std::vector<OpBug> bias_bugs();
std::vector<OpBug> head_bugs();
std::vector<OpBug> storage_bugs();

}  // namespace kilter::analysis
