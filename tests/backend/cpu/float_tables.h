// The float kernels that a test can run here.
#pragma once

#include <vector>

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu {

/// An instruction set that was built, with its float kernels where this machine has it.
struct FloatTable {
  KernelTable kernels{};
  bool runs_here = false;
};

/// All that were built for this architecture.
std::vector<FloatTable> float_tables();

}  // namespace kilter::cpu
