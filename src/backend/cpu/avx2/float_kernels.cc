#include "backend/cpu/avx2/float_kernels.h"

#include "backend/cpu/avx2/lanes.h"
#include "backend/cpu/float/float_kernels.h"

namespace kilter::cpu::avx2 {

void add_float_kernels(KernelTable& table) { fill_float_kernels<Lanes>(table); }

}  // namespace kilter::cpu::avx2
