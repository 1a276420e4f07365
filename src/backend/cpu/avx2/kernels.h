// The tables of AVX2, FMA and F16C: without and with AVX-VNNI, which changes the integer product only.
#pragma once

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::avx2 {

const KernelTable& kernels();

}  // namespace kilter::cpu::avx2

namespace kilter::cpu::avx2vnni {

const KernelTable& kernels();

}  // namespace kilter::cpu::avx2vnni
