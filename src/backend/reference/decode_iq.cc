// The IQ formats: a code names an entry of a codebook of 4 or 8 values, and most keep signs beside it.
// A layout comment lists the fields in file order; `x` is the value at index i.
#include <array>

#include "backend/reference/block_formats.h"

namespace kilter::reference {
namespace {

#include "backend/reference/iq_grids.inc"

constexpr int kValues = 256;

// What the levels of each codebook are worth.
constexpr std::array<int, 3> kLevelsIq1 = {-1, 0, 1};
constexpr std::array<int, 3> kLevelsIq2 = {8, 25, 43};
constexpr std::array<int, 8> kLevelsIq3Xxs = {4, 12, 20, 28, 36, 44, 52, 62};
constexpr std::array<int, 8> kLevelsIq3S = {1, 3, 5, 7, 9, 11, 13, 15};

// The sixteen values of IQ4_NL and IQ4_XS.
constexpr std::array<int, 16> kLevelsIq4 = {-127, -104, -83, -65, -49, -35, -22, -10,
                                            1,    13,   25,  38,  53,  69,  89,  113};

// Value `i` of `entry` in a codebook of eight values.
template <size_t N>
int of_eight(const std::array<uint16_t, N>& grid, const std::array<int, 3>& levels, uint32_t entry, int i) {
  return levels[grid[entry] >> 2 * i & 3U];
}

// Value `i` of `entry` in a codebook of four values.
template <size_t N>
int of_four(const std::array<uint16_t, N>& grid, const std::array<int, 8>& levels, uint32_t entry, int i) {
  return levels[grid[entry] >> 4 * i & 15U];
}

// Sign `i` of eight, stored in 7 bits: a set bit is a minus, and the number of minuses is even.
double even_sign(uint32_t seven_bits, int i) {
  const bool odd = std::popcount(seven_bits) % 2 == 1;
  const bool minus = i < 7 ? (seven_bits >> i & 1U) == 1 : odd;
  return minus ? -1.0 : 1.0;
}

double sign_bit(const Block& block, int at, int i) { return block.packed(at, i, 1) == 1 ? -1.0 : 1.0; }

// IQ1 shifts its values -1, 0, 1 by an eighth, up or down.
constexpr double kIq1Shift = 0.125;

}  // namespace

// IQ2_XXS    d f16 | 8 groups: 4 entries u8, then a u32 of 4 times 7 sign bits and 4 scale bits
//            x = d * (scale + 1/2) / 4 * sign * grid
void decode_iq2_xxs(const Block& block, double* out) {
  const double d = block.f16(0);
  for (int i = 0; i < kValues; ++i) {
    const int group = 2 + 8 * (i / 32);
    const int eight = i / 8 % 4;
    const auto entry = static_cast<uint32_t>(block.u8(group + eight));
    const uint32_t signs_and_scale = block.u32(group + 4);
    const double scale = (signs_and_scale >> 28) + 0.5;
    const double sign = even_sign(signs_and_scale >> 7 * eight & 127, i % 8);
    out[i] = d * scale * 0.25 * of_eight(kGridIq2Xxs, kLevelsIq2, entry, i % 8) * sign;
  }
}

// IQ2_XS    d f16 | 32 times u16: 9 bits of entry, 7 sign bits | 16 scale nibbles
//           x = d * (scale[i / 16] + 1/2) / 4 * sign * grid
void decode_iq2_xs(const Block& block, double* out) {
  const double d = block.f16(0);
  for (int i = 0; i < kValues; ++i) {
    const uint32_t code = block.u16(2 + 2 * (i / 8));
    const double scale = block.packed(66, i / 16, 4) + 0.5;
    const double sign = even_sign(code >> 9, i % 8);
    out[i] = d * scale * 0.25 * of_eight(kGridIq2Xs, kLevelsIq2, code & 511, i % 8) * sign;
  }
}

// IQ2_S    d f16 | 32 low bytes of entries | 256 sign bits | 32 bit pairs, the top of entries | 16 scale
// nibbles
//          x = d * (scale[i / 16] + 1/2) / 4 * sign * grid
void decode_iq2_s(const Block& block, double* out) {
  const double d = block.f16(0);
  for (int i = 0; i < kValues; ++i) {
    const auto entry = static_cast<uint32_t>(block.u8(2 + i / 8) + 256 * block.packed(66, i / 8, 2));
    const double scale = block.packed(74, i / 16, 4) + 0.5;
    out[i] = d * scale * 0.25 * of_eight(kGridIq2S, kLevelsIq2, entry, i % 8) * sign_bit(block, 34, i);
  }
}

// IQ3_XXS    d f16 | 64 entries u8 | 8 times u32: 4 times 7 sign bits, 4 scale bits
//            x = d * (scale + 1/2) / 2 * sign * grid
void decode_iq3_xxs(const Block& block, double* out) {
  const double d = block.f16(0);
  for (int i = 0; i < kValues; ++i) {
    const auto entry = static_cast<uint32_t>(block.u8(2 + i / 4));
    const uint32_t signs_and_scale = block.u32(66 + 4 * (i / 32));
    const double scale = (signs_and_scale >> 28) + 0.5;
    const double sign = even_sign(signs_and_scale >> 7 * (i / 8 % 4) & 127, i % 8);
    out[i] = d * scale * 0.5 * of_four(kGridIq3Xxs, kLevelsIq3Xxs, entry, i % 4) * sign;
  }
}

// IQ3_S    d f16 | 64 low bytes of entries | 64 bits, the top of entries | 256 sign bits | 8 scale nibbles
//          x = d * (2 scale[i / 32] + 1) * sign * grid
void decode_iq3_s(const Block& block, double* out) {
  const double d = block.f16(0);
  for (int i = 0; i < kValues; ++i) {
    const auto entry = static_cast<uint32_t>(block.u8(2 + i / 4) + 256 * block.packed(66, i / 4, 1));
    const int scale = 2 * block.packed(106, i / 32, 4) + 1;
    out[i] = d * scale * of_four(kGridIq3S, kLevelsIq3S, entry, i % 4) * sign_bit(block, 74, i);
  }
}

// IQ1_S    d f16 | 32 low bytes of entries | 8 times u16: 4 times 3 top bits of entries, 3 scale bits, shift
//          x = d * (2 scale + 1) * (grid + shift),   shift = -1/8 if its bit is set, else 1/8
void decode_iq1_s(const Block& block, double* out) {
  const double d = block.f16(0);
  for (int i = 0; i < kValues; ++i) {
    const uint32_t group = block.u16(34 + 2 * (i / 32));
    const uint32_t top = group >> 3 * (i / 8 % 4) & 7;
    const uint32_t entry = static_cast<uint32_t>(block.u8(2 + i / 8)) + 256 * top;
    const double scale = 2 * (group >> 12 & 7) + 1;
    const double shift = (group >> 15) == 1 ? -kIq1Shift : kIq1Shift;
    out[i] = d * scale * (of_eight(kGridIq1, kLevelsIq1, entry, i % 8) + shift);
  }
}

// IQ1_M    32 low bytes of entries | 32 nibbles: 3 top bits of an entry, shift | 4 times u16: 4 times 3 scale
//          bits, and 4 bits of d, which is an f16, lowest bits first
//          x = d * (2 scale[i / 16] + 1) * (grid + shift)
void decode_iq1_m(const Block& block, double* out) {
  uint32_t d_bits = 0;
  for (int part = 0; part < 4; ++part) d_bits |= block.u16(48 + 2 * part) >> 12 << 4 * part;
  const double d = ieee_number(d_bits, 5, 10);
  for (int i = 0; i < kValues; ++i) {
    const int high = block.packed(32, i / 8, 4);
    const auto entry = static_cast<uint32_t>(block.u8(i / 8) + 256 * (high & 7));
    const double scale = 2 * (block.u16(48 + 2 * (i / 64)) >> 3 * (i / 16 % 4) & 7) + 1;
    const double shift = high >> 3 == 1 ? -kIq1Shift : kIq1Shift;
    out[i] = d * scale * (of_eight(kGridIq1, kLevelsIq1, entry, i % 8) + shift);
  }
}

// IQ4_NL    d f16 | 32 nibbles, the first 16 values in the low ones        x = d * level(nibble)
void decode_iq4_nl(const Block& block, double* out) {
  const double d = block.f16(0);
  for (int i = 0; i < 32; ++i) {
    const int code = block.u8(2 + i % 16) >> 4 * (i / 16) & 15;
    out[i] = d * kLevelsIq4[static_cast<size_t>(code)];
  }
}

// IQ4_XS    d f16 | 8 top bit pairs of scales | 8 low nibbles of scales | 8 times 32 nibbles as in IQ4_NL
//           x = d * (scale[i / 32] - 32) * level(nibble)
void decode_iq4_xs(const Block& block, double* out) {
  const double d = block.f16(0);
  for (int i = 0; i < kValues; ++i) {
    const int group = i / 32;
    const int scale = 16 * block.packed(2, group, 2) + block.packed(4, group, 4);
    const int code = block.u8(8 + 16 * group + i % 16) >> 4 * (i / 16 % 2) & 15;
    out[i] = d * (scale - 32) * kLevelsIq4[static_cast<size_t>(code)];
  }
}

}  // namespace kilter::reference
