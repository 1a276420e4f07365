#include "backend/cpu/amx/peak.h"

#include "backend/cpu/amx/tile.h"

namespace kilter::cpu::amx {

// Two tiles of A with two of B into four of C, 16 x 16 x 64 multiply-adds each, a product in 16 cycles. The
// bytes are as mixed as those of a model: on zeros the clock falls less, and the peak reads 25 % too high.
int64_t int8_peak(int64_t rounds) {
  constexpr int64_t kMultiplyAdds = 4 * 16 * 16 * 64;
  alignas(64) uint8_t bytes[4][1024];
  uint32_t state = 1;
  for (auto& tile : bytes) {
    for (uint8_t& byte : tile) {
      state =
          state * 1664525 + 1013904223;  // Numerical Recipes' generator, of which the upper bits are mixed
      byte = static_cast<uint8_t>(state >> 24);
    }
  }
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) config.shape(tile, 16, 64);
  using Tiles = HardwareTiles;
  Tiles::configure(config);
  Tiles::load<4>(bytes[0], 64);
  Tiles::load<5>(bytes[1], 64);
  Tiles::load<6>(bytes[2], 64);
  Tiles::load<7>(bytes[3], 64);
  for (int64_t round = 0; round < rounds; ++round) {
    Tiles::dot_s8_u8<0, 4, 6>();
    Tiles::dot_s8_u8<1, 4, 7>();
    Tiles::dot_s8_u8<2, 5, 6>();
    Tiles::dot_s8_u8<3, 5, 7>();
  }
  Tiles::release();
  return rounds * kMultiplyAdds;
}

}  // namespace kilter::cpu::amx
