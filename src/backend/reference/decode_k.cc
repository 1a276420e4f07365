// Superblocks of 256 values: the K formats and the ternary ones.
// A layout comment lists the fields in file order; `x` is the value at index i.
#include <array>

#include "backend/reference/block_formats.h"

namespace kilter::reference {
namespace {

constexpr int kValues = 256;

// Two bits of value i: each 128 values take 32 bytes, and each 32 of them one bit pair of these bytes.
int bit_pair(const Block& block, int at, int i) {
  const int byte = at + i / 128 * 32 + i % 32;
  return block.u8(byte) >> 2 * (i / 32 % 4) & 3;
}

// One bit of value i: bit i / 32 of byte i % 32.
int bit_plane(const Block& block, int at, int i) { return block.u8(at + i % 32) >> i / 32 & 1; }

// Four bits of value i: each 64 values take 32 bytes, the first 32 values the low nibbles.
int nibble(const Block& block, int at, int i) {
  const int byte = at + i / 64 * 32 + i % 32;
  return block.u8(byte) >> 4 * (i / 32 % 2) & 15;
}

struct ScaleAndMin {
  int scale;
  int min;
};

// Scale and min number j of eight, 6 bits each, in 12 bytes: the first four scales lie in the low bits of
// bytes 0-3 and the first four mins in those of bytes 4-7. The others have their low nibbles in bytes 8-11
// (scale low, min high) and their two top bits above the scales and mins of j - 4.
ScaleAndMin scale_and_min(const Block& block, int at, int j) {
  const int first = block.u8(at + j % 4);
  const int second = block.u8(at + 4 + j % 4);
  if (j < 4) return {first & 63, second & 63};
  const int third = block.u8(at + 4 + j);
  return {(first >> 6 << 4) + (third & 15), (second >> 6 << 4) + (third >> 4)};
}

// Scale number j of Q3_K's sixteen, 6 bits each, in 12 bytes: low nibbles in bytes 0-7 (0-7 low, 8-15 high),
// top bits in bytes 8-11 (pair j / 4 of byte j % 4).
int q3_k_scale(const Block& block, int at, int j) {
  const int low = block.u8(at + j % 8) >> 4 * (j / 8) & 15;
  const int high = block.u8(at + 8 + j % 4) >> 2 * (j / 4) & 3;
  return 16 * high + low - 32;
}

// Digit n of a byte that holds five digits of base 3 as the fraction byte / 256, first digit first.
// Bytes that no encoder writes follow the same rule: multiply by 3^n, keep the fraction, and the next digit
// is what stands before the point.
int ternary_digit(int byte, int n) {
  constexpr std::array<int, 5> kPower = {1, 3, 9, 27, 81};
  const int fraction = byte * kPower[static_cast<size_t>(n)] % 256;
  return fraction * 3 / 256;
}

}  // namespace

// Q2_K    16 bytes, scale low nibble, min high | 64 bytes of bit pairs | d f16 | dmin f16
//         x = d * scale[i / 16] * code - dmin * min[i / 16]
void decode_q2_k(const Block& block, double* out) {
  const double d = block.f16(80);
  const double dmin = block.f16(82);
  for (int i = 0; i < kValues; ++i) {
    const int scale = block.u8(i / 16) & 15;
    const int min = block.u8(i / 16) >> 4;
    out[i] = d * scale * bit_pair(block, 16, i) - dmin * min;
  }
}

// Q3_K    32 bytes of high bits | 64 bytes of bit pairs | 12 bytes of scales | d f16
//         x = d * scale[i / 16] * (4 high + pair - 4)
void decode_q3_k(const Block& block, double* out) {
  const double d = block.f16(108);
  for (int i = 0; i < kValues; ++i) {
    const int code = 4 * bit_plane(block, 0, i) + bit_pair(block, 32, i);
    out[i] = d * q3_k_scale(block, 96, i / 16) * (code - 4);
  }
}

// Q4_K    d f16 | dmin f16 | 12 bytes of scales and mins | 128 bytes of nibbles
//         x = d * scale[i / 32] * nibble - dmin * min[i / 32]
void decode_q4_k(const Block& block, double* out) {
  const double d = block.f16(0);
  const double dmin = block.f16(2);
  for (int i = 0; i < kValues; ++i) {
    const auto [scale, min] = scale_and_min(block, 4, i / 32);
    out[i] = d * scale * nibble(block, 16, i) - dmin * min;
  }
}

// Q5_K    d f16 | dmin f16 | 12 bytes of scales and mins | 32 bytes of high bits | 128 bytes of nibbles
//         x = d * scale[i / 32] * (16 high + nibble) - dmin * min[i / 32]
void decode_q5_k(const Block& block, double* out) {
  const double d = block.f16(0);
  const double dmin = block.f16(2);
  for (int i = 0; i < kValues; ++i) {
    const auto [scale, min] = scale_and_min(block, 4, i / 32);
    const int code = 16 * bit_plane(block, 16, i) + nibble(block, 48, i);
    out[i] = d * scale * code - dmin * min;
  }
}

// Q6_K    128 bytes of nibbles | 64 bytes of bit pairs | 16 scales i8 | d f16
//         x = d * scale[i / 16] * (16 pair + nibble - 32)
// Its nibbles lie 64 apart: each 128 values take 64 bytes, the first 64 values the low nibbles.
void decode_q6_k(const Block& block, double* out) {
  const double d = block.f16(208);
  for (int i = 0; i < kValues; ++i) {
    const int low = block.u8(i / 128 * 64 + i % 64) >> 4 * (i / 64 % 2) & 15;
    const int code = 16 * bit_pair(block, 128, i) + low;
    out[i] = d * block.i8(192 + i / 16) * (code - 32);
  }
}

// Q8_K    d f32 | 256 codes i8 | 16 sums of codes i16, which no value needs        x = d * code
void decode_q8_k(const Block& block, double* out) {
  const double d = std::bit_cast<float>(block.u32(0));
  for (int i = 0; i < kValues; ++i) out[i] = d * block.i8(4 + i);
}

// TQ1_0    48 bytes of five digits | 4 bytes of four digits | d f16        x = d * (digit - 1)
// Values 0-159: digit i / 32 of byte i % 32. Values 160-239: of the next 16 bytes, likewise. The last 16
// values: of the last 4 bytes, likewise.
void decode_tq1_0(const Block& block, double* out) {
  struct Part {
    int values;
    int bytes;
  };
  constexpr std::array<Part, 3> kParts = {Part{160, 32}, Part{80, 16}, Part{16, 4}};
  const double d = block.f16(52);
  int at = 0;
  for (const Part& part : kParts) {
    for (int i = 0; i < part.values; ++i) {
      *out++ = d * (ternary_digit(block.u8(at + i % part.bytes), i / part.bytes) - 1);
    }
    at += part.bytes;
  }
}

// TQ2_0    64 bytes of bit pairs | d f16        x = d * (pair - 1)
void decode_tq2_0(const Block& block, double* out) {
  const double d = block.f16(64);
  for (int i = 0; i < kValues; ++i) out[i] = d * (bit_pair(block, 0, i) - 1);
}

}  // namespace kilter::reference
