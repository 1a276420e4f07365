// The float kernels for AVX2, FMA and F16C.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::avx2 {

/// Enters them into a table: all but matmul and matmul_scratch_bytes.
void add_float_kernels(KernelTable& table);

}  // namespace kilter::cpu::avx2
