#include "backend/cpu/amx/integer_matmul.h"
#include "backend/cpu/amx/tile.h"
#include "backend/cpu/avx2/integer_matmul.h"
#include "backend/cpu/avx512/integer_matmul.h"
#include "backend/cpu/x86_features.h"
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
  return {{"amx", "AMX", x86_features().amx_int8 && amx::request_tiles(), amx::integer_matmul,
           amx::integer_matmul_scratch_bytes},
          {"avx512", "AVX-512 VNNI", has_avx512_vnni(), avx512::integer_matmul,
           avx512::integer_matmul_scratch_bytes},
          {"avx2vnni", "AVX-VNNI", x86_features().avx_vnni, avx2vnni::integer_matmul,
           avx2vnni::integer_matmul_scratch_bytes},
          {"avx2", "AVX2", x86_features().avx2, avx2::integer_matmul, avx2::integer_matmul_scratch_bytes}};
}

}  // namespace kilter::cpu
