// The tables of 64-bit Arm: with sdot, and with smmla, which changes the integer product only.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::neon {

const KernelTable& kernels();

}  // namespace kilter::cpu::neon

namespace kilter::cpu::neon_i8mm {

const KernelTable& kernels();

}  // namespace kilter::cpu::neon_i8mm
