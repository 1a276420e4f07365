// The float kernels without any instruction set.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::generic {

/// Enters them into a table: all but matmul and matmul_scratch_bytes.
void add_float_kernels(KernelTable& table);

}  // namespace kilter::cpu::generic
