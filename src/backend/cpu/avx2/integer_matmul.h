// The integer product on AVX2, FMA and F16C: without and with AVX-VNNI.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::avx2 {

/// MatmulJob, as kernel_table.h defines it.
void integer_matmul(const MatmulJob& job);
int64_t integer_matmul_scratch_bytes(int64_t rows, int planes);

}  // namespace kilter::cpu::avx2

namespace kilter::cpu::avx2vnni {

/// The same, for processors with AVX-VNNI (the 256-bit vpdpbusd).
void integer_matmul(const MatmulJob& job);
int64_t integer_matmul_scratch_bytes(int64_t rows, int planes);

}  // namespace kilter::cpu::avx2vnni
