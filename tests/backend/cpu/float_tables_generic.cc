#include "backend/cpu/generic/float_kernels.h"
#include "float_tables.h"

namespace kilter::cpu {

std::vector<FloatTable> float_tables() {
  std::vector<FloatTable> tables(1);
  tables[0].kernels.name = "generic";
  tables[0].runs_here = true;
  generic::add_float_kernels(tables[0].kernels);
  return tables;
}

}  // namespace kilter::cpu
