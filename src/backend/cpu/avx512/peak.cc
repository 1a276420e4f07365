#include "backend/cpu/avx512/peak.h"

#include <immintrin.h>

#include "backend/cpu/avx512/integer_matmul_lanes.h"

namespace kilter::cpu::avx512 {

// vpdpbusd takes 4 or 5 cycles, and two can begin in one: 16 chains keep both ports busy, and with the two
// operands all of it stays in registers. 64 multiply-adds an instruction.
int64_t int8_peak(int64_t rounds) {
  constexpr int kChains = 16;
  constexpr int64_t kMultiplyAdds = 64;
  __m512i a = _mm512_set1_epi8(1);
  __m512i b = _mm512_set1_epi8(-1);
  __m512i acc[kChains];
  unroll<kChains>([&](auto i) {
    acc[i] = _mm512_setzero_si512();
    asm volatile("" : "+v"(acc[i]));  // equal chains would be made into one
  });
  for (int64_t round = 0; round < rounds; ++round) {
    asm volatile("" : "+v"(a), "+v"(b));  // the compiler must take them for new ones each round
    unroll<kChains>([&](auto i) { acc[i] = _mm512_dpbusd_epi32(acc[i], a, b); });
  }
  __m512i sum = _mm512_setzero_si512();
  unroll<kChains>([&](auto i) { sum = _mm512_add_epi32(sum, acc[i]); });
  asm volatile("" : "+v"(sum));  // used
  return rounds * kChains * kMultiplyAdds;
}

}  // namespace kilter::cpu::avx512
