// RmsNormJob of kernel_table.h.
#pragma once

#include "backend/cpu/float/lanes.h"
#include "backend/cpu/kernel_table.h"

namespace kilter::cpu {

template <FloatLanes L>
void rmsnorm(const RmsNormJob& job) {
  const int rest = static_cast<int>(job.n % 16);
  const int64_t whole = job.n - rest;
  for (int64_t v = 0; v < job.vectors; ++v) {
    const float* x = job.x + v * job.n;
    float* y = job.y + v * job.n;
    // One chain a lane, as the formula asks: 4 cycles per 16 elements, 512 for n = 2048. The vectors of a
    // job do not wait for each other.
    L squares = L::all(0.0F);
    for (int64_t i = 0; i < whole; i += 16) {
      const L part = L::load(x + i);
      squares = fma(part, part, squares);
    }
    const L tail = L::load_first(x + whole, rest);
    squares = fma(tail, tail, squares);

    const L r = L::all(1.0F / __builtin_sqrtf(tree(squares) / static_cast<float>(job.n) + job.eps));
    for (int64_t i = 0; i < whole; i += 16) ((L::load(x + i) * r) * L::load(job.w + i)).store(y + i);
    if (rest != 0) ((tail * r) * L::load_first(job.w + whole, rest)).store_first(y + whole, rest);
  }
}

}  // namespace kilter::cpu
