#include <immintrin.h>

#include "backend/cpu/avx2/peak.h"

namespace kilter::cpu::avx2vnni {

// Two vpdpbusd begin in a cycle and each takes five: ten chains keep both ports busy.
int64_t int8_peak(int64_t rounds) {
  constexpr int kChains = 10;
  constexpr int64_t kMultiplyAdds = kChains * 32;
  __m256i a = _mm256_set1_epi8(1);
  __m256i b = _mm256_set1_epi8(-1);
  __m256i acc[kChains];
  for (__m256i& chain : acc) {
    chain = _mm256_setzero_si256();
    asm volatile("" : "+x"(chain));  // equal chains would be made into one
  }
  for (int64_t round = 0; round < rounds; ++round) {
    asm volatile("" : "+x"(a), "+x"(b));  // the compiler must take them for new ones each round
#pragma GCC unroll 10
    for (__m256i& chain : acc) chain = _mm256_dpbusd_avx_epi32(chain, a, b);
  }
  for (__m256i& chain : acc) asm volatile("" : "+x"(chain));  // used
  return rounds * kMultiplyAdds;
}

}  // namespace kilter::cpu::avx2vnni
