#include "backend/cpu/x86_features.h"

#include <cpuid.h>

#include <cstdint>

namespace kilter::cpu {
namespace {

struct Registers {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

// Which registers the system saves when it switches between processes. To be read only where OSXSAVE is set.
uint64_t saved_registers() {
  uint32_t low = 0;
  uint32_t high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

constexpr bool has(uint64_t word, uint64_t mask) { return (word & mask) == mask; }
constexpr uint64_t bits(auto... numbers) { return ((uint64_t{1} << numbers) | ...); }

}  // namespace

X86Features x86_features() {
  const Registers basic = cpuid(1, 0);
  if (!has(basic.ecx, bits(27))) return {};  // OSXSAVE
  const uint64_t saved = saved_registers();
  const Registers extended = cpuid(7, 0);
  const Registers more = cpuid(7, 1);
  X86Features f;
  // FMA, F16C; AVX2. XCR0: xmm, ymm.
  f.avx2 = has(saved, bits(1, 2)) && has(basic.ecx, bits(12, 29)) && has(extended.ebx, bits(5));
  f.avx_vnni = f.avx2 && has(more.eax, bits(4));
  // F, DQ, BW, VL; VNNI. XCR0: opmask, upper zmm halves, upper zmm registers.
  f.avx512 = f.avx2 && has(saved, bits(5, 6, 7)) && has(extended.ebx, bits(16, 17, 30, 31)) &&
             has(extended.ecx, bits(11));
  // AMX-TILE, AMX-INT8. XCR0: tile configuration, tile data.
  f.amx_int8 = f.avx512 && has(saved, bits(17, 18)) && has(extended.edx, bits(24, 25));
  return f;
}

}  // namespace kilter::cpu
