// The one symbol of this instruction set.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::amx {

const KernelTable& kernels();

}  // namespace kilter::cpu::amx
