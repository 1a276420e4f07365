// SoftmaxJob of kernel_table.h.
#pragma once

#include "backend/cpu/float/exponential.h"
#include "backend/cpu/kernel_table.h"

namespace kilter::cpu {

/// The exponentials of up to 64 scores, in place; returns their sum.
template <FloatLanes L>
float exponential_tile(float* s, int64_t n, L max) {
  L sums = L::all(0.0F);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const L e = exponential(L::load(s + i) - max);
    e.store(s + i);
    sums = sums + e;
  }
  const int rest = static_cast<int>(n - i);
  if (rest != 0) {
    exponential(L::load_first(s + i, rest) - max).store_first(s + i, rest);
    sums = sums + L::load_first(s + i, rest);  // without what the zeros of the filled up lanes became
  }
  return tree(sums);
}

template <FloatLanes L>
void softmax(const SoftmaxJob& job) {
  constexpr int64_t kTile = 64;
  const int rest = static_cast<int>(job.n % 16);
  const int64_t whole = job.n - rest;
  const L lowest = L::all(-__builtin_inff());
  L max = lowest;
  // larger() skips a NaN in its first operand. The NaN comes back with its exponential, and makes the sum,
  // hence the whole row, NaN; so does a row whose maximum is infinite, by infinity - infinity.
  for (int64_t i = 0; i < whole; i += 16) max = larger(L::load(job.s + i), max);
  if (rest != 0) {
    float last[16];
    lowest.store(last);
    for (int i = 0; i < rest; ++i) last[i] = job.s[whole + i];
    max = larger(L::load(last), max);
  }
  const L shift = L::all(largest(max));

  float sum = 0;
  for (int64_t i = 0; i < job.n; i += kTile) {
    sum += exponential_tile<L>(job.s + i, job.n - i < kTile ? job.n - i : kTile, shift);
  }
  const L factor = L::all(1.0F / sum);
  for (int64_t i = 0; i < whole; i += 16) (L::load(job.s + i) * factor).store(job.s + i);
  if (rest != 0) (L::load_first(job.s + whole, rest) * factor).store_first(job.s + whole, rest);
}

}  // namespace kilter::cpu
