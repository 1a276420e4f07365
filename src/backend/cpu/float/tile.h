// The shape of register tiles: `broadcasts` numbers times `vectors` Lanes, one sum each.
#pragma once

#include "backend/cpu/float/lanes.h"

namespace kilter::cpu {

/// The most vectors, of 1, 2 and 4, that `broadcasts` numbers can be multiplied with in registers: their
/// sums, the vectors themselves, and one number at a time.
constexpr int tile_vectors(int broadcasts, int registers) {
  int vectors = 4;
  while (vectors > 1 && broadcasts * vectors + vectors + 1 > registers) vectors /= 2;
  return vectors;
}

/// The most numbers of a tile with one vector; more than 8 gain nothing over the loads of two tiles.
constexpr int tile_broadcasts(int registers) { return registers - 2 < 8 ? registers - 2 : 8; }

/// Calls f(first, count) for [0, n) in as few parts as `most` allows, of sizes that differ by at most 1.
template <typename Function>
void in_even_parts(int64_t n, int64_t most, Function f) {
  int64_t parts = (n + most - 1) / most;
  for (int64_t first = 0; first < n; --parts) {
    const int64_t count = (n - first + parts - 1) / parts;
    f(first, static_cast<int>(count));
    first += count;
  }
}

}  // namespace kilter::cpu
