#include "backend/cpu/generic/peak.h"

#include <array>
#include <cstddef>

namespace kilter::cpu::generic {

// A plain loop, which the compiler makes of what every processor of its target has.
int64_t int8_peak(int64_t rounds) {
  constexpr int kValues = 1024;
  constexpr int kLanes = 16;
  std::array<int8_t, kValues> a{};
  std::array<int8_t, kValues> b{};
  std::array<int32_t, kLanes> sum{};
  for (int64_t round = 0; round < rounds; ++round) {
    // The compiler must take the numbers for new ones each round.
    asm volatile("" : : "r"(a.data()), "r"(b.data()), "r"(sum.data()) : "memory");
    for (std::size_t k = 0; k < kValues; k += kLanes) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        sum[lane] += int32_t{a[k + lane]} * int32_t{b[k + lane]};
      }
    }
  }
  asm volatile("" : : "r"(sum.data()) : "memory");
  return rounds * kValues;
}

}  // namespace kilter::cpu::generic
