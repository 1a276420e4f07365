#include "backend/cpu/avx2/float_kernels.h"
#include "backend/cpu/avx512/float_kernels.h"
#include "backend/cpu/generic/float_kernels.h"
#include "float_tables.h"

namespace kilter::cpu {

std::vector<FloatTable> float_tables() {
  std::vector<FloatTable> tables(3);
  tables[0].kernels.name = "generic";
  tables[0].runs_here = true;
  generic::add_float_kernels(tables[0].kernels);
  tables[1].kernels.name = "avx2";
  tables[1].runs_here = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  avx2::add_float_kernels(tables[1].kernels);
  tables[2].kernels.name = "avx512";
  tables[2].runs_here = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  avx512::add_float_kernels(tables[2].kernels);
  return tables;
}

}  // namespace kilter::cpu
