// What an x86-64 processor and its operating system offer.
#pragma once

namespace kilter::cpu {

struct X86Features {
  bool avx2 = false;      ///< AVX2, FMA and F16C, with ymm registers saved by the system
  bool avx_vnni = false;  ///< vpdpbusd on ymm registers
  bool avx512 = false;    ///< AVX-512 F, BW, DQ, VL and VNNI, with zmm registers saved by the system
  bool amx_int8 =
      false;  ///< AMX tiles of int8, with tiles saved by the system; permission is asked for separately
};

/// Source: Intel SDM, volume 2, CPUID; volume 1, section 13.3 for XCR0.
X86Features x86_features();

}  // namespace kilter::cpu
