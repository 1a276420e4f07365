// RopeJob of kernel_table.h.
#pragma once

#include "backend/cpu/float/lanes.h"
#include "backend/cpu/kernel_table.h"

namespace kilter::cpu {

/// Sixteen turned pairs.
template <FloatLanes L>
struct Turned {
  L i;
  L j;
};

template <FloatLanes L>
Turned<L> turn(L i, L j, L c, L s) {
  return {fma(i, c, -(j * s)), fma(i, s, j * c)};
}

/// Pairs (2p, 2p + 1). The last pairs pass through a buffer: what is loaded and stored at once is 16 pairs.
template <FloatLanes L>
void turn_adjacent(const RopeJob& job, const float* x, float* y) {
  const int64_t pairs = job.n_rot / 2;
  int64_t p = 0;
  for (; p + 16 <= pairs; p += 16) {
    auto both = L::split_pairs(x + 2 * p);
    const auto turned = turn(both.even, both.odd, L::load(job.cos + p), L::load(job.sin + p));
    both.even = turned.i;
    both.odd = turned.j;
    L::store_pairs(both, y + 2 * p);
  }
  const int rest = static_cast<int>(pairs - p);
  if (rest == 0) return;
  float buffer[32] = {};
  for (int k = 0; k < 2 * rest; ++k) buffer[k] = x[2 * p + k];
  auto both = L::split_pairs(buffer);
  const auto turned =
      turn(both.even, both.odd, L::load_first(job.cos + p, rest), L::load_first(job.sin + p, rest));
  both.even = turned.i;
  both.odd = turned.j;
  L::store_pairs(both, buffer);
  for (int k = 0; k < 2 * rest; ++k) y[2 * p + k] = buffer[k];
}

/// Pairs (p, p + n_rot / 2).
template <FloatLanes L>
void turn_halves(const RopeJob& job, const float* x, float* y) {
  const int64_t pairs = job.n_rot / 2;
  int64_t p = 0;
  for (; p + 16 <= pairs; p += 16) {
    const auto turned =
        turn(L::load(x + p), L::load(x + pairs + p), L::load(job.cos + p), L::load(job.sin + p));
    turned.i.store(y + p);
    turned.j.store(y + pairs + p);
  }
  const int rest = static_cast<int>(pairs - p);
  if (rest == 0) return;
  const auto turned = turn(L::load_first(x + p, rest), L::load_first(x + pairs + p, rest),
                           L::load_first(job.cos + p, rest), L::load_first(job.sin + p, rest));
  turned.i.store_first(y + p, rest);
  turned.j.store_first(y + pairs + p, rest);
}

template <FloatLanes L>
void rope(const RopeJob& job) {
  for (int64_t h = 0; h < job.heads; ++h) {
    const float* x = job.x + h * job.width;
    float* y = job.y + h * job.width;
    if (job.adjacent) {
      turn_adjacent<L>(job, x, y);
    } else {
      turn_halves<L>(job, x, y);
    }
    for (int64_t i = job.n_rot; i < job.width; ++i) y[i] = x[i];
  }
}

}  // namespace kilter::cpu
