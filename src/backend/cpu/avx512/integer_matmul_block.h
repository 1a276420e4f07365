// One block of a pair of panels times all tokens: what the two families of formats offer to the driver.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::avx512 {

/// Panels multiplied together: each activation that is loaded serves two vectors of 16 rows.
constexpr int kPairPanels = 2;
constexpr int kPairRows = kPairPanels * kPanelRows;
/// Columns (token, plane) of a tile: 12 chains of vpdpbusd and 12 sums of sums are 24 of 32 registers, and
/// 12 chains of 5 cycles each keep two ports busy.
constexpr int kTileColumns = 6;

/// to[t][i] = fma(activation scale, x, acc[t][i]) of kernel_table.h for one block.
struct BlockJob {
  const std::byte* panel[kPairPanels];  ///< the block in each panel
  const std::byte* next[kPairPanels];   ///< the block that follows it, to be prefetched
  const PanelFormat* format;
  int64_t n;  ///< values in the block
  const QuantisedRows* x;
  int64_t block;
  const float* acc;  ///< [rows][kPairRows]
  float* to;         ///< acc, or y: rows `to_stride` apart
  int64_t to_stride;
  uint16_t mask[kPairPanels];  ///< lanes of each panel to be written
  std::byte* scratch;          ///< kBlockScratchBytes, aligned to 64
};
using BlockKernel = void (*)(const BlockJob& job);
constexpr int64_t kBlockScratchBytes = 24 * 1024;

/// Scales::integer: Q2_K to Q6_K.
BlockKernel superblock_kernel(const PanelFormat& format, int planes);
/// Scales::f16 and Scales::f32.
BlockKernel group_kernel(const PanelFormat& format, int planes);

}  // namespace kilter::cpu::avx512
