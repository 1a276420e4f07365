// Blocks of 32 to 128 values with one scale, or one for each 16.
// A layout comment lists the fields in file order; `x` is the value at index i.
#include <array>

#include "backend/reference/block_formats.h"

namespace kilter::reference {
namespace {

// The values of a run of nibbles whose first half lies in the low nibbles of `bytes` bytes and whose second
// half in the high ones: out[i] = value(i, nibble i).
template <typename Value>
void decode_halved(const Block& block, int at, int bytes, double* out, Value value) {
  for (int i = 0; i < bytes; ++i) out[i] = value(i, block.u8(at + i) & 15);
  for (int i = 0; i < bytes; ++i) out[bytes + i] = value(bytes + i, block.u8(at + i) >> 4);
}

// Code c of E2M1, the 4-bit float of the OCP Microscaling specification 1.0: 0 0.5 1 1.5 2 3 4 6 and their
// negatives. Code 8, which the specification calls -0, is +0 in GGUF.
constexpr std::array<double, 16> kE2M1 = {0, 0.5,  1,  1.5,  2,  3,  4,  6,  //
                                          0, -0.5, -1, -1.5, -2, -3, -4, -6};

// E8M0, a power of two. The specification reserves 255 for NaN; in GGUF it is 2^128 like any other.
// At an exponent of 0 the result is 2^-127.
double e8m0(int bits) { return std::bit_cast<double>(static_cast<uint64_t>(bits - 127 + 1023) << 52); }

// Unsigned E4M3 with bias 7: 15 is an ordinary exponent. 0x7f, NaN elsewhere, counts as 0;
// the top bit is ignored otherwise.
double ue4m3(int bits) {
  if (bits == 0x7f) return 0;
  const int exponent = bits >> 3 & 15;
  const int mantissa = bits & 7;
  if (exponent == 0) return mantissa * 0x1p-9;
  return (8 + mantissa) * 0x1p-10 * static_cast<double>(1 << exponent);
}

}  // namespace

// Q1_0    d f16 | 128 bits        x = d if bit i is set, else -d
void decode_q1_0(const Block& block, double* out) {
  const double d = block.f16(0);
  for (int i = 0; i < 128; ++i) out[i] = block.packed(2, i, 1) == 1 ? d : -d;
}

// Q2_0    d f16 | 64 codes of 2 bits        x = d * (code - 1)
void decode_q2_0(const Block& block, double* out) {
  const double d = block.f16(0);
  for (int i = 0; i < 64; ++i) out[i] = d * (block.packed(2, i, 2) - 1);
}

// Q4_0    d f16 | 32 nibbles, halved        x = d * (code - 8)
void decode_q4_0(const Block& block, double* out) {
  const double d = block.f16(0);
  decode_halved(block, 2, 16, out, [&](int, int code) { return d * (code - 8); });
}

// Q4_1    d f16 | m f16 | 32 nibbles, halved        x = d * code + m
void decode_q4_1(const Block& block, double* out) {
  const double d = block.f16(0);
  const double m = block.f16(2);
  decode_halved(block, 4, 16, out, [&](int, int code) { return d * code + m; });
}

// Q5_0    d f16 | 32 high bits | 32 nibbles, halved        x = d * (16 high + nibble - 16)
void decode_q5_0(const Block& block, double* out) {
  const double d = block.f16(0);
  decode_halved(block, 6, 16, out,
                [&](int i, int nibble) { return d * (16 * block.packed(2, i, 1) + nibble - 16); });
}

// Q5_1    d f16 | m f16 | 32 high bits | 32 nibbles, halved        x = d * (16 high + nibble) + m
void decode_q5_1(const Block& block, double* out) {
  const double d = block.f16(0);
  const double m = block.f16(2);
  decode_halved(block, 8, 16, out,
                [&](int i, int nibble) { return d * (16 * block.packed(4, i, 1) + nibble) + m; });
}

// Q8_0    d f16 | 32 codes i8        x = d * code
void decode_q8_0(const Block& block, double* out) {
  const double d = block.f16(0);
  for (int i = 0; i < 32; ++i) out[i] = d * block.i8(2 + i);
}

// Q8_1    d f16 | d * sum of codes f16, which no value needs | 32 codes i8        x = d * code
void decode_q8_1(const Block& block, double* out) {
  const double d = block.f16(0);
  for (int i = 0; i < 32; ++i) out[i] = d * block.i8(4 + i);
}

// MXFP4    scale E8M0 | 32 nibbles, halved        x = scale * E2M1(nibble)
void decode_mxfp4(const Block& block, double* out) {
  const double d = e8m0(block.u8(0));
  decode_halved(block, 1, 16, out, [&](int, int code) { return d * kE2M1[static_cast<size_t>(code)]; });
}

// NVFP4    4 scales UE4M3 | 4 times 16 nibbles, halved        x = scale[i / 16] * E2M1(nibble)
void decode_nvfp4(const Block& block, double* out) {
  for (int group = 0; group < 4; ++group) {
    const double d = ue4m3(block.u8(group));
    decode_halved(block, 4 + 8 * group, 8, out,
                  [&](int, int code) { return d * kE2M1[static_cast<size_t>(code)]; });
    out += 16;
  }
}

}  // namespace kilter::reference
