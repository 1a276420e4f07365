#include "backend/cpu/neon/float_kernels.h"

#include "backend/cpu/float/float_kernels.h"
#include "backend/cpu/neon/lanes.h"

namespace kilter::cpu::neon {

void add_float_kernels(KernelTable& table) { fill_float_kernels<Lanes>(table); }

}  // namespace kilter::cpu::neon
