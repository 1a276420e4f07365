// How the blocks of every type lie in memory, as structs, little-endian, without padding.
//
// Conventions: `qs` are the low bits of the codes, `qh` the high bits, `d` the scale of the block. An f16 is
// held as its bits (half.h). Unpacking, that is which bit belongs to which element, is in the file of the
// family. Source: the formats of ggml-common.h and of the dequantize classes in gguf-py.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace kilter::quant {

static_assert(std::endian::native == std::endian::little, "the structs below are read as little-endian");

using F16Bits = uint16_t;

// ---- 32 values: one scale, sometimes a minimum (legacy.cc, iq4.cc) ----

struct BlockQ4_0 {
  F16Bits d;
  uint8_t qs[16];  // byte j: element j low, element j+16 high
};
static_assert(sizeof(BlockQ4_0) == 18);

struct BlockQ4_1 {
  F16Bits d;
  F16Bits m;  // the minimum, added
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ4_1) == 20);

struct BlockQ5_0 {
  F16Bits d;
  uint8_t qh[4];  // a little-endian u32; bit j is the fifth bit of element j. Bytes, for it is not aligned.
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ5_0) == 22);

struct BlockQ5_1 {
  F16Bits d;
  F16Bits m;
  uint8_t qh[4];
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ5_1) == 24);

struct BlockQ8_0 {
  F16Bits d;
  int8_t qs[32];
};
static_assert(sizeof(BlockQ8_0) == 34);

struct BlockQ8_1 {
  F16Bits d;
  F16Bits s;  // d * sum(qs), for dot products; not part of the values
  int8_t qs[32];
};
static_assert(sizeof(BlockQ8_1) == 36);

struct BlockIq4Nl {
  F16Bits d;
  uint8_t qs[16];  // indices into 16 unevenly spaced levels
};
static_assert(sizeof(BlockIq4Nl) == 18);

// ---- 256 values, "K": groups of 16 or 32 with small scales of their own (k_quants.cc) ----

struct BlockQ2K {
  uint8_t scales[16];  // group g: low nibble scale, high nibble minimum
  uint8_t qs[64];
  F16Bits d;
  F16Bits dmin;
};
static_assert(sizeof(BlockQ2K) == 84);

struct BlockQ3K {
  uint8_t hmask[32];  // bit clear: the code is 4 less
  uint8_t qs[64];
  uint8_t scales[12];  // 16 scales of 6 bits, stored + 32
  F16Bits d;
};
static_assert(sizeof(BlockQ3K) == 110);

struct BlockQ4K {
  F16Bits d;
  F16Bits dmin;
  uint8_t scales[12];  // 8 scales and 8 minimums of 6 bits
  uint8_t qs[128];
};
static_assert(sizeof(BlockQ4K) == 144);

struct BlockQ5K {
  F16Bits d;
  F16Bits dmin;
  uint8_t scales[12];
  uint8_t qh[32];
  uint8_t qs[128];
};
static_assert(sizeof(BlockQ5K) == 176);

struct BlockQ6K {
  uint8_t ql[128];
  uint8_t qh[64];
  int8_t scales[16];
  F16Bits d;
};
static_assert(sizeof(BlockQ6K) == 210);

struct BlockQ8K {
  float d;
  int8_t qs[256];
  int16_t bsums[16];  // sums of 16 codes, for dot products; not part of the values
};
static_assert(sizeof(BlockQ8K) == 292);

// ---- 256 values, "IQ": codes are indices into a grid of points (iq1.cc iq2.cc iq3.cc iq4.cc) ----

struct BlockIq2Xxs {
  F16Bits d;
  uint16_t qs[32];  // 8 pairs of u32: four grid indices; four 7-bit sign indices and a 4-bit scale
};
static_assert(sizeof(BlockIq2Xxs) == 66);

struct BlockIq2Xs {
  F16Bits d;
  uint16_t qs[32];    // 9-bit grid index, 7-bit sign index
  uint8_t scales[8];  // two 4-bit scales
};
static_assert(sizeof(BlockIq2Xs) == 74);

struct BlockIq2S {
  F16Bits d;
  uint8_t qs[32];
  uint8_t signs[32];
  uint8_t qh[8];
  uint8_t scales[8];
};
static_assert(sizeof(BlockIq2S) == 82);

struct BlockIq3Xxs {
  F16Bits d;
  uint8_t qs[64];
  uint8_t scales_and_signs[32];  // 8 little-endian u32: four 7-bit sign indices and a 4-bit scale
};
static_assert(sizeof(BlockIq3Xxs) == 98);

struct BlockIq3S {
  F16Bits d;
  uint8_t qs[64];
  uint8_t qh[8];
  uint8_t signs[32];
  uint8_t scales[4];
};
static_assert(sizeof(BlockIq3S) == 110);

struct BlockIq1S {
  F16Bits d;
  uint8_t qs[32];
  uint16_t qh[8];  // four times 3 index bits, a 3-bit scale, the sign of delta
};
static_assert(sizeof(BlockIq1S) == 50);

struct BlockIq1M {
  uint8_t qs[32];
  uint8_t qh[16];      // a nibble per 8 values: 3 index bits, the sign of delta
  uint16_t scales[4];  // four 3-bit scales; the upper nibbles together are the f16 `d`
};
static_assert(sizeof(BlockIq1M) == 56);

struct BlockIq4Xs {
  F16Bits d;
  uint16_t scales_h;
  uint8_t scales_l[4];
  uint8_t qs[128];
};
static_assert(sizeof(BlockIq4Xs) == 136);

// ---- one to two bits (few_bits.cc) ----

struct BlockTq1_0 {
  uint8_t qs[48];  // five base-3 digits a byte
  uint8_t qh[4];   // four base-3 digits a byte
  F16Bits d;
};
static_assert(sizeof(BlockTq1_0) == 54);

struct BlockTq2_0 {
  uint8_t qs[64];
  F16Bits d;
};
static_assert(sizeof(BlockTq2_0) == 66);

struct BlockQ1_0 {  // 128 values
  F16Bits d;
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ1_0) == 18);

struct BlockQ2_0 {  // 64 values
  F16Bits d;
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ2_0) == 18);

// ---- 4-bit floats (fp4.cc) ----

struct BlockMxfp4 {  // 32 values
  uint8_t e;         // E8M0, a power of two
  uint8_t qs[16];
};
static_assert(sizeof(BlockMxfp4) == 17);

struct BlockNvfp4 {  // 64 values
  uint8_t d[4];      // UE4M3, one for each 16 values
  uint8_t qs[32];
};
static_assert(sizeof(BlockNvfp4) == 36);

/// Copies one block out of bytes of any alignment.
template <typename Block>
Block load_block(const std::byte* bytes) {
  static_assert(std::is_trivially_copyable_v<Block>);
  Block block;
  std::memcpy(&block, bytes, sizeof(Block));
  return block;
}

}  // namespace kilter::quant
