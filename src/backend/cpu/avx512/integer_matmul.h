// The integer product with AVX-512 VNNI: AVX512F, BW, DQ, VL and VNNI.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::avx512 {

/// MatmulJob, as kernel_table.h defines it. Panels are multiplied in pairs: an even number of them is best.
void integer_matmul(const MatmulJob& job);
int64_t integer_matmul_scratch_bytes(int64_t rows, int planes);

}  // namespace kilter::cpu::avx512
