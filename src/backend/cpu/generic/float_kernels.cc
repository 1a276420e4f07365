#include "backend/cpu/generic/float_kernels.h"

#include "backend/cpu/float/float_kernels.h"
#include "backend/cpu/generic/lanes.h"

namespace kilter::cpu::generic {

void add_float_kernels(KernelTable& table) { fill_float_kernels<Lanes>(table); }

}  // namespace kilter::cpu::generic
