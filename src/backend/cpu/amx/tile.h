// The eight AMX tiles of a thread. Kernels take them as a template parameter `Tiles`, so that the tests run
// the same kernels with tiles emulated in plain C++.
#pragma once

#include <cstdint>

namespace kilter::cpu::amx {

/// The operand of ldtilecfg.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  void shape(int tile, int64_t tile_rows, int64_t bytes) {
    rows[tile] = static_cast<uint8_t>(tile_rows);
    row_bytes[tile] = static_cast<uint16_t>(bytes);
  }
};
static_assert(sizeof(TileConfig) == 64);

/// Asks the system for the use of tiles by this process, where x86_features() has found them. False: refused.
bool request_tiles();

/// The tiles of the machine. Inline assembly and not the intrinsics: those of GCC 12 spell the tile's number
/// into the instruction's text (no template argument can be one) and say nothing of the memory they touch, so
/// that the stores that fill a configuration are moved behind it or removed.
struct HardwareTiles {
  static void configure(const TileConfig& config) { asm volatile("ldtilecfg %0" ::"m"(config) : "memory"); }
  /// Leaves no tile state behind that the system would have to save at every switch of threads.
  static void release() { asm volatile("tilerelease" ::: "memory"); }

  template <int kTile>
  static void zero() {
    asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
  }
  /// Row i from `from` + i * stride.
  template <int kTile>
  static void load(const void* from, int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kTile>
  static void store(void* to, int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(kTile) : "memory");
  }
  /// c[m][n] += sum over k of a[m][k] * b[k/4][4n + k%4], k ascending in bytes; a signed, b unsigned.
  template <int kC, int kA, int kB>
  static void dot_s8_u8() {
    asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kC), "i"(kA), "i"(kB));
  }
  /// The same, b signed.
  template <int kC, int kA, int kB>
  static void dot_s8_s8() {
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kC), "i"(kA), "i"(kB));
  }
};

}  // namespace kilter::cpu::amx
