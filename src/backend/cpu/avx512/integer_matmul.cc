// The driver: pairs of panels, blocks of k, tokens. A block of two panels is unpacked once into the L1 cache
// and then met by all tokens; the f32 sums of the pair lie densely in the scratch, because lines of y one row
// apart would fall into few cache sets.
#include "backend/cpu/avx512/integer_matmul.h"

#include "backend/cpu/avx512/integer_matmul_block.h"
#include "backend/cpu/avx512/unroll.h"

namespace kilter::cpu::avx512 {
namespace {

// The sums of one panel into y: only the rows that the matrix has.
void write_panel(const MatmulJob& job, int64_t panel, const float* acc) {
  const int64_t first = panel * kPanelRows;
  const int64_t rows = job.w->rows - first;
  const auto mask = static_cast<__mmask16>(rows >= kPanelRows ? 0xFFFF : (1U << rows) - 1);
  float* y = job.y + first;
  for (int64_t t = 0; t < job.x->rows; ++t) {
    _mm512_mask_storeu_ps(y + t * job.y_stride, mask, _mm512_load_ps(acc + t * kPairRows));
  }
}

}  // namespace

int64_t integer_matmul_scratch_bytes(int64_t rows, int) {
  return kBlockScratchBytes + rows * kPairRows * int64_t{sizeof(float)};
}

void integer_matmul(const MatmulJob& job) {
  const QuantisedRows& x = *job.x;
  const PackedWeight& w = *job.w;
  auto* acc = reinterpret_cast<float*>(job.scratch + kBlockScratchBytes);
  const BlockKernel multiply = w.format.scales == Scales::integer ? superblock_kernel(w.format, x.planes)
                                                                  : group_kernel(w.format, x.planes);
  const int64_t panel_bytes = w.panel_bytes();
  for (int64_t panel = job.panel_begin; panel < job.panel_end; panel += kPairPanels) {
    // The last of an odd number of panels is paired with itself, and written once.
    const bool both = panel + 1 < job.panel_end;
    const std::byte* bytes = w.data + panel * panel_bytes;
    BlockJob block{.panel = {bytes, both ? bytes + panel_bytes : bytes},
                   .format = &w.format,
                   .n = kBlockValues,
                   .x = &x,
                   .block = 0,
                   .acc = acc,
                   .scratch = job.scratch};
    for (int64_t i = 0; i < x.rows * kPairPanels; ++i)
      _mm512_store_ps(acc + i * kPanelRows, _mm512_setzero_ps());
    for (int64_t begin = 0; begin < w.cols; begin += kBlockValues, ++block.block) {
      if (w.cols - begin < kBlockValues) block.n = w.cols - begin;
      multiply(block);
      const int64_t step = w.format.block_bytes(block.n);
      for (const std::byte*& at : block.panel) at += step;
    }
    write_panel(job, panel, acc);
    if (both) write_panel(job, panel + 1, acc + kPanelRows);
  }
}

}  // namespace kilter::cpu::avx512
