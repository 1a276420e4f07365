// The integer products that this build has, for tests that run over all of them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu {

struct IntegerMatmul {
  std::string_view name;
  std::string_view needs;  ///< for the sentence that says why it was skipped
  bool available;          ///< on this machine
  void (*matmul)(const MatmulJob& job);
  int64_t (*scratch_bytes)(int64_t rows, int planes);
};

/// All but the generic one. Each file instruction_sets_*.cc has those of one architecture.
std::vector<IntegerMatmul> integer_matmuls();

}  // namespace kilter::cpu
