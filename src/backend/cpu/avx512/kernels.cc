#include "backend/cpu/avx512/kernels.h"

#include "backend/cpu/avx512/float_kernels.h"
#include "backend/cpu/avx512/integer_matmul.h"
#include "backend/cpu/avx512/peak.h"

namespace kilter::cpu::avx512 {

const KernelTable& kernels() {
  static const KernelTable table = [] {
    KernelTable t;
    t.name = "avx512";
    t.matmul = integer_matmul;
    t.matmul_scratch_bytes = integer_matmul_scratch_bytes;
    t.int8_peak = int8_peak;
    add_float_kernels(t);
    return t;
  }();
  return table;
}

}  // namespace kilter::cpu::avx512
