#include "backend/cpu/neon/peak.h"

#include <arm_neon.h>

namespace kilter::cpu::neon_i8mm {

// Up to four smmla begin in a cycle and each takes three or four: sixteen chains.
int64_t int8_peak(int64_t rounds) {
  constexpr int kChains = 16;
  constexpr int64_t kMultiplyAdds = kChains * 32;
  int8x16_t a = vdupq_n_s8(1);
  int8x16_t b = vdupq_n_s8(-1);
  int32x4_t acc[kChains];
  for (int32x4_t& chain : acc) {
    chain = vdupq_n_s32(0);
    asm volatile("" : "+w"(chain));  // equal chains would be made into one
  }
  for (int64_t round = 0; round < rounds; ++round) {
    asm volatile("" : "+w"(a), "+w"(b));  // the compiler must take them for new ones each round
#pragma GCC unroll 16
    for (int32x4_t& chain : acc) chain = vmmlaq_s32(chain, a, b);
  }
  for (int32x4_t& chain : acc) asm volatile("" : "+w"(chain));  // used
  return rounds * kMultiplyAdds;
}

}  // namespace kilter::cpu::neon_i8mm
