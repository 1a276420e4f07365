#include "backend/cpu/neon/integer_matmul.h"
#include "backend/cpu/select_kernels.h"
#include "instruction_sets.h"

namespace kilter::cpu {
namespace {

bool runs_here(std::string_view name) {
  for (const BuiltKernels& built : built_kernels()) {
    if (built.name == name) return built.runs_here();
  }
  return false;
}

}  // namespace

std::vector<IntegerMatmul> integer_matmuls() {
  return {
      {"neon", "dot products", runs_here("neon"), neon::integer_matmul, neon::integer_matmul_scratch_bytes},
      {"neon_i8mm", "int8 matrices", runs_here("neon_i8mm"), neon_i8mm::integer_matmul,
       neon_i8mm::integer_matmul_scratch_bytes}};
}

}  // namespace kilter::cpu
