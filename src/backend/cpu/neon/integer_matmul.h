// The integer product on 64-bit Arm: with sdot, and with smmla.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::neon {

/// MatmulJob, as kernel_table.h defines it. Needs the dot product instructions (FEAT_DotProd).
void integer_matmul(const MatmulJob& job);
int64_t integer_matmul_scratch_bytes(int64_t rows, int planes);

}  // namespace kilter::cpu::neon

namespace kilter::cpu::neon_i8mm {

/// The same with the matrix instructions of FEAT_I8MM: twice the products an instruction from two columns on.
void integer_matmul(const MatmulJob& job);
int64_t integer_matmul_scratch_bytes(int64_t rows, int planes);

}  // namespace kilter::cpu::neon_i8mm
