#include "backend/cpu/avx512/float_kernels.h"

#include "backend/cpu/avx512/lanes.h"
#include "backend/cpu/float/float_kernels.h"

namespace kilter::cpu::avx512 {

void add_float_kernels(KernelTable& table) { fill_float_kernels<Lanes>(table); }

}  // namespace kilter::cpu::avx512
