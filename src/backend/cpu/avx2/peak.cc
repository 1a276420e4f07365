#include "backend/cpu/avx2/peak.h"

#include <immintrin.h>

namespace kilter::cpu::avx2 {

// Without VNNI, 32 products are vpmaddubsw (pairs to 16 bits), vpmaddwd (pairs to 32 bits) and an addition.
// Two of these can begin in a cycle; only the additions wait for each other, one cycle each, so 4 chains are
// more than enough.
int64_t int8_peak(int64_t rounds) {
  constexpr int64_t kMultiplyAdds = 4 * 32;
  const __m256i ones = _mm256_set1_epi16(1);
  const auto chain = [ones](__m256i acc, __m256i a, __m256i b) {
    return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
  };
  __m256i a = _mm256_set1_epi8(1);
  __m256i b0 = _mm256_set1_epi8(-1), b1 = b0, b2 = b0, b3 = b0;
  __m256i acc0 = _mm256_setzero_si256(), acc1 = acc0, acc2 = acc0, acc3 = acc0;
  for (int64_t round = 0; round < rounds; ++round) {
    // The compiler must take them for new ones each round, and for different ones.
    asm volatile("" : "+x"(a), "+x"(b0), "+x"(b1), "+x"(b2), "+x"(b3));
    acc0 = chain(acc0, a, b0);
    acc1 = chain(acc1, a, b1);
    acc2 = chain(acc2, a, b2);
    acc3 = chain(acc3, a, b3);
  }
  asm volatile("" : "+x"(acc0), "+x"(acc1), "+x"(acc2), "+x"(acc3));  // used
  return rounds * kMultiplyAdds;
}

}  // namespace kilter::cpu::avx2
