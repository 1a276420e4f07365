// What the IQ types share: grid points and compressed signs.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace kilter::quant {

// Points of small integers; coordinate j is byte j. Source: the tables of gguf-py (make_iq_grids.py).
inline constexpr std::array<uint64_t, 2048> kIq1Grid = {
#include "quant/iq1_grid.inc"
};
inline constexpr std::array<uint64_t, 256> kIq2XxsGrid = {
#include "quant/iq2_xxs_grid.inc"
};
inline constexpr std::array<uint64_t, 512> kIq2XsGrid = {
#include "quant/iq2_xs_grid.inc"
};
inline constexpr std::array<uint64_t, 1024> kIq2SGrid = {
#include "quant/iq2_s_grid.inc"
};
inline constexpr std::array<uint32_t, 256> kIq3XxsGrid = {
#include "quant/iq3_xxs_grid.inc"
};
inline constexpr std::array<uint32_t, 512> kIq3SGrid = {
#include "quant/iq3_s_grid.inc"
};

/// Coordinate j of a grid point.
constexpr int coordinate(uint64_t point, size_t j) { return static_cast<int8_t>(point >> (8 * j) & 0xff); }

/// Eight signs out of a 7-bit index: bit j set means element j is negative. The eighth is not stored; it
/// makes the number of negative ones even.
constexpr int even_signs(int index) {
  const int is_odd = std::popcount(static_cast<unsigned>(index)) % 2;
  return index | is_odd << 7;
}

/// coordinate, negated where bit j of `signs` is set.
constexpr int8_t signed_code(int coordinate, int signs, size_t j) {
  return static_cast<int8_t>((signs >> j & 1) != 0 ? -coordinate : coordinate);
}

}  // namespace kilter::quant
