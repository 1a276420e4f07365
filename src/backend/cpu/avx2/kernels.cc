#include "backend/cpu/avx2/kernels.h"

#include "backend/cpu/avx2/float_kernels.h"
#include "backend/cpu/avx2/integer_matmul.h"
#include "backend/cpu/avx2/peak.h"

namespace kilter::cpu::avx2 {

const KernelTable& kernels() {
  static const KernelTable table = [] {
    KernelTable t;
    t.name = "avx2";
    t.matmul = integer_matmul;
    t.matmul_scratch_bytes = integer_matmul_scratch_bytes;
    t.int8_peak = int8_peak;
    add_float_kernels(t);
    return t;
  }();
  return table;
}

}  // namespace kilter::cpu::avx2

namespace kilter::cpu::avx2vnni {

const KernelTable& kernels() {
  static const KernelTable table = [] {
    KernelTable t = avx2::kernels();
    t.name = "avx2vnni";
    t.matmul = integer_matmul;
    t.matmul_scratch_bytes = integer_matmul_scratch_bytes;
    t.int8_peak = int8_peak;
    return t;
  }();
  return table;
}

}  // namespace kilter::cpu::avx2vnni
