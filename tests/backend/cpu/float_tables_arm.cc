#include "backend/cpu/generic/float_kernels.h"
#include "backend/cpu/neon/float_kernels.h"
#include "float_tables.h"

namespace kilter::cpu {

std::vector<FloatTable> float_tables() {
  std::vector<FloatTable> tables(2);
  tables[0].kernels.name = "generic";
  tables[0].runs_here = true;
  generic::add_float_kernels(tables[0].kernels);
  tables[1].kernels.name = "neon";
  tables[1].runs_here = true;  // every 64-bit Arm has what the float kernels need
  neon::add_float_kernels(tables[1].kernels);
  return tables;
}

}  // namespace kilter::cpu
