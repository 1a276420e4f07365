// The float kernels for 64-bit Arm.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::neon {

/// Enters them into a table: all but matmul and matmul_scratch_bytes.
void add_float_kernels(KernelTable& table);

}  // namespace kilter::cpu::neon
