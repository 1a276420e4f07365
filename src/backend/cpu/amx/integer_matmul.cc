#include "backend/cpu/amx/integer_matmul.h"

#include "backend/cpu/amx/tile.h"
#include "backend/cpu/amx/tile_matmul.h"
#include "backend/cpu/avx512/integer_matmul.h"

namespace kilter::cpu::amx {

int64_t integer_matmul_scratch_bytes(int64_t rows, int planes) {
  const int64_t here = WalkMemory::bytes(token_tiling(rows, planes));
  const int64_t there = avx512::integer_matmul_scratch_bytes(rows, planes);
  return here > there ? here : there;
}

void integer_matmul(const MatmulJob& job) {
  if (job.x->tiles != nullptr && tile_matmul<HardwareTiles>(job)) return;
  avx512::integer_matmul(job);
}

}  // namespace kilter::cpu::amx
