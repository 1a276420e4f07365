#include "backend/cpu/amx/integer_matmul.h"

#include "backend/cpu/amx/tile.h"
#include "backend/cpu/amx/tile_matmul.h"
#include "backend/cpu/avx512/integer_matmul.h"

namespace kilter::cpu::amx {
namespace {

// Columns (tokens times planes) from which on tiles win. With fewer, unpacking the panel for them costs more
// than they save: 16 tokens of TinyLlama in one plane ran at 186 tokens a second here and at 286 with
// AVX-512, in two planes at 176 and 169.
constexpr int64_t kFewestColumns = 2 * kTileRows;

}  // namespace

int64_t integer_matmul_scratch_bytes(int64_t rows, int planes) {
  const int64_t here = WalkMemory::bytes(token_tiling(rows, planes));
  const int64_t there = avx512::integer_matmul_scratch_bytes(rows, planes);
  return here > there ? here : there;
}

void integer_matmul(const MatmulJob& job) {
  const bool pays = job.x->rows * job.x->planes >= kFewestColumns;
  if (pays && tile_matmul<HardwareTiles>(job)) return;
  avx512::integer_matmul(job);
}

}  // namespace kilter::cpu::amx
