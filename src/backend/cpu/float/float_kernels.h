// All float kernels over one type of lanes.
#pragma once

#include "backend/cpu/float/attention_mix.h"
#include "backend/cpu/float/attention_scores.h"
#include "backend/cpu/float/elementwise.h"
#include "backend/cpu/float/kv_store.h"
#include "backend/cpu/float/matmul_f32.h"
#include "backend/cpu/float/quantise.h"
#include "backend/cpu/float/rmsnorm.h"
#include "backend/cpu/float/rope.h"
#include "backend/cpu/float/softmax.h"

namespace kilter::cpu {

/// Enters them into a table.
template <FloatLanes L>
void fill_float_kernels(KernelTable& table) {
  table.quantise = quantise<L>;
  table.matmul_f32 = matmul_f32<L>;
  table.rmsnorm = rmsnorm<L>;
  table.rope = rope<L>;
  table.store_keys = store_keys<L>;
  table.store_values = store_values<L>;
  table.attention_scores = attention_scores<L>;
  table.softmax = softmax<L>;
  table.attention_mix = attention_mix<L>;
  table.add = add<L>;
  table.multiply = multiply<L>;
  table.silu = silu<L>;
}

}  // namespace kilter::cpu
