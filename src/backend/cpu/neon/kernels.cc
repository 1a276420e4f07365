#include "backend/cpu/neon/kernels.h"

#include "backend/cpu/neon/float_kernels.h"
#include "backend/cpu/neon/integer_matmul.h"
#include "backend/cpu/neon/peak.h"

namespace kilter::cpu::neon {

const KernelTable& kernels() {
  static const KernelTable table = [] {
    KernelTable t;
    t.name = "neon";
    t.matmul = integer_matmul;
    t.matmul_scratch_bytes = integer_matmul_scratch_bytes;
    add_float_kernels(t);
    t.int8_peak = int8_peak;
    return t;
  }();
  return table;
}

}  // namespace kilter::cpu::neon

namespace kilter::cpu::neon_i8mm {

const KernelTable& kernels() {
  static const KernelTable table = [] {
    KernelTable t = neon::kernels();
    t.name = "neon_i8mm";
    t.matmul = integer_matmul;
    t.matmul_scratch_bytes = integer_matmul_scratch_bytes;
    t.int8_peak = int8_peak;
    return t;
  }();
  return table;
}

}  // namespace kilter::cpu::neon_i8mm
