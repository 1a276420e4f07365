// SoftmaxJob of kernel_table.h.
#pragma once

#include "backend/cpu/float/exponential.h"
#include "backend/cpu/kernel_table.h"

namespace kilter::cpu {

/// Calls f(tile, n) for the tiles of up to 64 scores in ascending order.
template <typename Function>
void each_score_tile(const SoftmaxJob& job, Function f) {
  float* tile = job.s;
  for (int64_t begin = 0; begin < job.n; begin += 64, tile += job.tile_step) {
    f(tile, job.n - begin < 64 ? job.n - begin : 64);
  }
}

/// The exponentials of up to 64 scores, in place; returns their sum.
template <FloatLanes L>
float exponential_tile(float* s, int64_t n, L max) {
  L sums = L::all(0.0F);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const L e = exponential_to_one(L::load(s + i) - max);
    e.store(s + i);
    sums = sums + e;
  }
  const int rest = static_cast<int>(n - i);
  if (rest != 0) {
    exponential_to_one(L::load_first(s + i, rest) - max).store_first(s + i, rest);
    sums = sums + L::load_first(s + i, rest);  // without what the zeros of the filled up lanes became
  }
  return tree(sums);
}

/// The largest score. larger() skips a NaN in its first operand. The NaN comes back with its exponential, and
/// makes the sum, hence the whole row, NaN; so does a row whose maximum is infinite, by infinity - infinity.
template <FloatLanes L>
float largest_score(const SoftmaxJob& job) {
  const L lowest = L::all(-__builtin_inff());
  L max[4] = {lowest, lowest, lowest, lowest};  // four chains: one would wait for itself
  each_score_tile(job, [&](const float* s, int64_t n) {
    if (n == 64) {
      for (int i = 0; i < 4; ++i) max[i] = larger(L::load(s + 16 * i), max[i]);
      return;
    }
    float last[64];
    for (int i = 0; i < 4; ++i) lowest.store(last + 16 * i);
    for (int64_t i = 0; i < n; ++i) last[i] = s[i];
    for (int i = 0; i < 4; ++i) max[i] = larger(L::load(last + 16 * i), max[i]);
  });
  return largest(larger(larger(max[0], max[1]), larger(max[2], max[3])));
}

template <FloatLanes L>
void softmax(const SoftmaxJob& job) {
  const L shift = L::all(largest_score<L>(job));
  float sum = 0;
  each_score_tile(job, [&](float* s, int64_t n) { sum += exponential_tile<L>(s, n, shift); });
  const L factor = L::all(1.0F / sum);
  each_score_tile(job, [&](float* s, int64_t n) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) (L::load(s + i) * factor).store(s + i);
    const int rest = static_cast<int>(n - i);
    if (rest != 0) (L::load_first(s + i, rest) * factor).store_first(s + i, rest);
  });
}

}  // namespace kilter::cpu
