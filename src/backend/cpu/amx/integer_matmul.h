// The integer product on AMX tiles.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::amx {

/// MatmulJob, as kernel_table.h defines it. Tiles must be permitted: request_tiles().
void integer_matmul(const MatmulJob& job);
int64_t integer_matmul_scratch_bytes(int64_t rows, int planes);

}  // namespace kilter::cpu::amx
