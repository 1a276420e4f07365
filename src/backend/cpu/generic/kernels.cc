#include "backend/cpu/generic/kernels.h"

#include "backend/cpu/generic/float_kernels.h"
#include "backend/cpu/generic/integer_matmul.h"
#include "backend/cpu/generic/peak.h"

namespace kilter::cpu::generic {

const KernelTable& kernels() {
  static const KernelTable table = [] {
    KernelTable t;
    t.name = "generic";
    t.matmul = integer_matmul;
    t.matmul_scratch_bytes = integer_matmul_scratch_bytes;
    t.int8_peak = int8_peak;
    add_float_kernels(t);
    return t;
  }();
  return table;
}

}  // namespace kilter::cpu::generic
