#include "backend/cpu/avx512/integer_matmul.h"
#include "instruction_sets.h"

namespace kilter::cpu {
namespace {

bool has_avx512_vnni() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
}

}  // namespace

std::vector<IntegerMatmul> integer_matmuls() {
  return {{"avx512", "AVX-512 VNNI", has_avx512_vnni(), avx512::integer_matmul,
           avx512::integer_matmul_scratch_bytes}};
}

}  // namespace kilter::cpu
