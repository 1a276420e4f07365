// The product with one row of activations, as decoding has it.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::avx512 {

/// MatmulJob with x.rows == 1.
void integer_matmul_row(const MatmulJob& job);

}  // namespace kilter::cpu::avx512
