#include "amx_emulated.h"

#include <array>
#include <cstring>
#include <stdexcept>

#include "backend/cpu/amx/tile_matmul.h"

namespace kilter::cpu::amx {
namespace {

using Tile = std::array<std::array<uint8_t, 64>, 16>;

struct TileState {
  bool configured = false;
  TileConfig config;
  std::array<Tile, 8> tiles;
};

thread_local TileState state;

void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

// What the manual says of the instructions, faults included.
struct EmulatedTiles {
  static void configure(const TileConfig& config) {
    require(config.palette == 1 && config.start_row == 0, "palette");
    for (size_t t = 0; t < 8; ++t) {
      require(config.rows[t] >= 1 && config.rows[t] <= 16, "rows of a tile");
      require(config.row_bytes[t] >= 1 && config.row_bytes[t] <= 64, "bytes of a tile's row");
    }
    state.config = config;
    state.configured = true;
    for (Tile& tile : state.tiles) tile = {};
  }
  static void release() { state.configured = false; }

  template <int kTile>
  static void zero() {
    require(state.configured, "no configuration");
    state.tiles[kTile] = {};
  }
  template <int kTile>
  static void load(const void* from, int64_t stride) {
    zero<kTile>();
    for (size_t row = 0; row < state.config.rows[kTile]; ++row) {
      std::memcpy(state.tiles[kTile][row].data(),
                  static_cast<const char*>(from) + static_cast<int64_t>(row) * stride,
                  state.config.row_bytes[kTile]);
    }
  }
  template <int kTile>
  static void store(void* to, int64_t stride) {
    require(state.configured, "no configuration");
    for (size_t row = 0; row < state.config.rows[kTile]; ++row) {
      std::memcpy(static_cast<char*>(to) + static_cast<int64_t>(row) * stride, state.tiles[kTile][row].data(),
                  state.config.row_bytes[kTile]);
    }
  }
  template <int kC, int kA, int kB>
  static void dot_s8_u8() {
    dot(kC, kA, kB, [](uint8_t b) { return int32_t{b}; });
  }
  template <int kC, int kA, int kB>
  static void dot_s8_s8() {
    dot(kC, kA, kB, [](uint8_t b) { return int32_t{static_cast<int8_t>(b)}; });
  }

 private:
  template <typename Number>
  static void dot(size_t c, size_t a, size_t b, Number number_b) {
    const TileConfig& config = state.config;
    require(state.configured, "no configuration");
    require(config.rows[c] == config.rows[a], "rows of C and A");
    require(config.row_bytes[c] == 64 && config.row_bytes[b] == 64, "columns of C and B");
    require(config.row_bytes[a] == 4 * config.rows[b], "columns of A and rows of B");
    for (size_t m = 0; m < config.rows[c]; ++m) {
      std::array<int32_t, 16> sums;
      std::memcpy(sums.data(), state.tiles[c][m].data(), sizeof(sums));
      for (size_t k = 0; k < config.row_bytes[a]; ++k) {
        const int32_t number_a = static_cast<int8_t>(state.tiles[a][m][k]);
        const auto& row_b = state.tiles[b][k / 4];
        for (size_t n = 0; n < sums.size(); ++n) sums[n] += number_a * number_b(row_b[4 * n + k % 4]);
      }
      std::memcpy(state.tiles[c][m].data(), sums.data(), sizeof(sums));
    }
  }
};

}  // namespace

bool emulated_matmul(const MatmulJob& job) { return tile_matmul<EmulatedTiles>(job); }

}  // namespace kilter::cpu::amx
