// The driver: pairs of panels, blocks of k, tokens. A block of two panels is unpacked once into the L1 cache
// and then met by all tokens; until the last block the f32 sums of the pair lie densely in the scratch,
// because lines of y one row apart would fall into few cache sets.
#include "backend/cpu/avx512/integer_matmul.h"

#include "backend/cpu/avx512/integer_matmul_block.h"
#include "backend/cpu/avx512/integer_matmul_lanes.h"
#include "backend/cpu/avx512/integer_matmul_row.h"

namespace kilter::cpu::avx512 {
namespace {

// The rows of a panel that the matrix has, as a mask of lanes.
uint16_t rows_of(const PackedWeight& w, int64_t panel) {
  const int64_t rows = w.rows - panel * kPanelRows;
  return static_cast<uint16_t>(rows >= kPanelRows ? 0xFFFF : (1 << rows) - 1);
}

}  // namespace

int64_t integer_matmul_scratch_bytes(int64_t rows, int) {
  return kBlockScratchBytes + rows * kPairRows * int64_t{sizeof(float)};
}

void integer_matmul(const MatmulJob& job) {
  const QuantisedRows& x = *job.x;
  if (x.rows == 1) return integer_matmul_row(job);
  const PackedWeight& w = *job.w;
  auto* acc = reinterpret_cast<float*>(job.scratch + kBlockScratchBytes);
  const BlockKernel multiply = w.format.scales == Scales::integer ? superblock_kernel(w.format, x.planes)
                                                                  : group_kernel(w.format, x.planes);
  const int64_t panel_bytes = w.panel_bytes();
  for (int64_t panel = job.panel_begin; panel < job.panel_end; panel += kPairPanels) {
    // The last of an odd number of panels is paired with itself; its second sums are written nowhere.
    const bool both = panel + 1 < job.panel_end;
    const std::byte* first[] = {w.data + panel * panel_bytes,
                                w.data + (both ? panel + 1 : panel) * panel_bytes};
    const uint16_t mask[] = {rows_of(w, panel), both ? rows_of(w, panel + 1) : uint16_t{0}};
    BlockJob block{.panel = {first[0], first[1]},
                   .next = {},
                   .format = &w.format,
                   .n = kBlockValues,
                   .x = &x,
                   .block = 0,
                   .acc = acc,
                   .to = acc,
                   .to_stride = kPairRows,
                   .mask = {0xFFFF, 0xFFFF},
                   .scratch = job.scratch};
    for (int64_t i = 0; i < x.rows * kPairPanels; ++i) {
      _mm512_store_ps(acc + i * kPanelRows, _mm512_setzero_ps());
    }
    for (int64_t begin = 0; begin < w.cols; begin += kBlockValues, ++block.block) {
      if (w.cols - begin < kBlockValues) block.n = w.cols - begin;
      const bool last = begin + kBlockValues >= w.cols;
      if (last) {  // y is written tile by tile: its lines, far apart, arrive while the next tile is
                   // multiplied
        block.to = job.y + panel * kPanelRows;
        block.to_stride = job.y_stride;
        block.mask[0] = mask[0];
        block.mask[1] = mask[1];
      }
      const int64_t step = last ? panel_bytes * kPairPanels : w.format.block_bytes(block.n);
      for (int v = 0; v < kPairPanels; ++v) block.next[v] = (last ? first[v] : block.panel[v]) + step;
      multiply(block);
      for (int v = 0; v < kPairPanels; ++v) block.panel[v] = block.next[v];
    }
  }
}

}  // namespace kilter::cpu::avx512
