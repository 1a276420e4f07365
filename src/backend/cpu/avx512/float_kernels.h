// The float kernels for AVX-512 F, BW, DQ, VL.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::avx512 {

/// Enters them into a table: all but matmul and matmul_scratch_bytes.
void add_float_kernels(KernelTable& table);

}  // namespace kilter::cpu::avx512
