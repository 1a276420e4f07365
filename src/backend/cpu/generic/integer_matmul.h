// The integer product without any instruction set.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::generic {

/// MatmulJob, as kernel_table.h defines it.
void integer_matmul(const MatmulJob& job);
int64_t integer_matmul_scratch_bytes(int64_t rows, int planes);

}  // namespace kilter::cpu::generic
