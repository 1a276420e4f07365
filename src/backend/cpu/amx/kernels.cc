#include "backend/cpu/amx/kernels.h"

#include "backend/cpu/amx/integer_matmul.h"
#include "backend/cpu/amx/peak.h"
#include "backend/cpu/amx/tiled_digits.h"
#include "backend/cpu/avx512/kernels.h"

namespace kilter::cpu::amx {

const KernelTable& kernels() {
  static const KernelTable table = [] {
    KernelTable t = avx512::kernels();  // what is not an integer product
    t.name = "amx";
    t.quantise = quantise;
    t.tiled_digit_bytes = tiled_digit_bytes;
    t.matmul = integer_matmul;
    t.matmul_scratch_bytes = integer_matmul_scratch_bytes;
    t.int8_peak = int8_peak;
    return t;
  }();
  return table;
}

}  // namespace kilter::cpu::amx
