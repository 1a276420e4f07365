// One to two bits a value, one scale a block: TQ1_0 TQ2_0 (ternary), Q1_0 (signs), Q2_0.
#include "quant/block_layouts.h"
#include "quant/format.h"
#include "quant/half.h"

namespace kilter::quant {
namespace {

void set_scale(F16Bits d, Parts& parts) { parts.scale[0] = parts.block_scale[0] = f16_to_f32(d); }

/// Digit n of a byte that stands for the base-3 fraction byte/256: 0, 1 or 2. Multiplying by 3^n modulo 256
/// moves the digit behind the point; times 3, the integer part is the digit.
int base3_digit(uint8_t byte, size_t n) {
  constexpr int kPowers[5] = {1, 3, 9, 27, 81};
  const int fraction = byte * kPowers[n] & 0xff;
  return fraction * 3 >> 8;
}

/// Elements 0-159 are digit i/32 of the first 32 bytes, 160-239 of the next 16, 240-255 of the four of qh.
int ternary_code(const BlockTq1_0& block, size_t i) {
  if (i < 160) return base3_digit(block.qs[i % 32], i / 32);
  if (i < 240) return base3_digit(block.qs[32 + i % 16], (i - 160) / 16);
  return base3_digit(block.qh[i % 4], (i - 240) / 4);
}

void unpack_tq1_0(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockTq1_0>(bytes);
  set_scale(block.d, parts);
  for (size_t i = 0; i < 256; ++i) parts.code[i] = as_code(ternary_code(block, i) - 1);
}

void unpack_tq2_0(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockTq2_0>(bytes);
  set_scale(block.d, parts);
  for (size_t i = 0; i < 256; ++i) {
    parts.code[i] = as_code(bits_at(block.qs[32 * (i / 128) + i % 32], 2 * (i / 32 % 4), 2) - 1);
  }
}

void unpack_q1_0(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ1_0>(bytes);
  set_scale(block.d, parts);
  for (size_t i = 0; i < 128; ++i) {
    parts.code[i] = as_code(2 * bits_at(block.qs[i / 8], i % 8, 1) - 1);
  }
}

void unpack_q2_0(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ2_0>(bytes);
  set_scale(block.d, parts);
  for (size_t i = 0; i < 64; ++i) {
    parts.code[i] = as_code(bits_at(block.qs[i / 4], 2 * (i % 4), 2) - 1);
  }
}

constexpr Field kTq1_0Fields[] = {
    {"qs", offsetof(BlockTq1_0, qs), Encoding::u8, 48, "five base-3 digits a byte"},
    {"qh", offsetof(BlockTq1_0, qh), Encoding::u8, 4, "four base-3 digits a byte"},
    {"d", offsetof(BlockTq1_0, d), Encoding::f16, 1, "scale"},
};
constexpr Field kTq2_0Fields[] = {
    {"qs", offsetof(BlockTq2_0, qs), Encoding::u8, 64, "codes, four a byte"},
    {"d", offsetof(BlockTq2_0, d), Encoding::f16, 1, "scale"},
};
constexpr Field kQ1_0Fields[] = {
    {"d", offsetof(BlockQ1_0, d), Encoding::f16, 1, "scale"},
    {"qs", offsetof(BlockQ1_0, qs), Encoding::u8, 16, "signs, eight a byte; a set bit is plus"},
};
constexpr Field kQ2_0Fields[] = {
    {"d", offsetof(BlockQ2_0, d), Encoding::f16, 1, "scale"},
    {"qs", offsetof(BlockQ2_0, qs), Encoding::u8, 16, "codes, four a byte"},
};

constexpr Format kFormats[] = {
    {.type = DType::tq1_0,
     .fields = kTq1_0Fields,
     .formula = "y[i] = d * q[i]",
     .mapping =
         "q[i] = digit(b, n) - 1 with digit(b, n) = 3*(b * 3^n mod 256) / 256; i < 160: b = qs[i%32], n = "
         "i/32; i < 240: b = qs[32 + i%16], n = (i-160)/16; else b = qh[i%4], n = (i-240)/4",
     .unpack = unpack_tq1_0},
    {.type = DType::tq2_0,
     .fields = kTq2_0Fields,
     .formula = "y[i] = d * q[i]",
     .mapping = "q[i] = (2 bits of qs[32*(i/128) + i%32] from bit 2*(i/32 % 4)) - 1",
     .unpack = unpack_tq2_0},
    {.type = DType::q1_0,
     .fields = kQ1_0Fields,
     .formula = "y[i] = d * q[i]",
     .mapping = "q[i] = +1 where bit i%8 of qs[i/8] is set, else -1",
     .unpack = unpack_q1_0},
    {.type = DType::q2_0,
     .fields = kQ2_0Fields,
     .formula = "y[i] = d * q[i]",
     .mapping = "q[i] = (2 bits of qs[i/4] from bit 2*(i%4)) - 1",
     .unpack = unpack_q2_0},
};

}  // namespace

std::span<const Format> few_bit_formats() { return kFormats; }

}  // namespace kilter::quant
