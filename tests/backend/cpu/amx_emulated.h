// The kernels for AMX with the tiles emulated in plain C++: their loops and their arithmetic can be tested on
// every machine with AVX-512.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::amx {

/// False: the kernels have no schedule for the format. Throws std::logic_error where the machine would fault.
bool emulated_matmul(const MatmulJob& job);

}  // namespace kilter::cpu::amx
