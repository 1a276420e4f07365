// The float formulas of kernel_table.h once more, a number at a time and in plain loops: what the kernels of
// every instruction set have to give to the bit. Shares nothing with them but the structs of their arguments.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::defined {

float exponential(float x);
float silu(float x);

/// Of n numbers, as 16 strided sums of f(x[i]) and a tree; f is given as an array of addends or factors.
float tree(const std::vector<float>& lanes);

void rmsnorm(const RmsNormJob& job);
void rope(const RopeJob& job);
void store_keys(const KvStoreJob& job);
void store_values(const KvStoreJob& job);
/// Where element i of query h lies in AttentionJob::q, and position i in AttentionJob::s.
int64_t tiled(const AttentionJob& job, int64_t h, int64_t i);
void attention_scores(const AttentionJob& job);
void attention_mix(const AttentionJob& job);
void softmax(const SoftmaxJob& job);

/// Number i of a pool's memory.
float stored(const KvPool& pool, int64_t i);

}  // namespace kilter::cpu::defined
