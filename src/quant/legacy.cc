// Blocks of 32 values with one scale: Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q8_1.
#include "quant/block_layouts.h"
#include "quant/format.h"
#include "quant/half.h"

namespace kilter::quant {
namespace {

constexpr size_t kValues = 32;

/// Byte j holds element j in its low nibble and element j + 16 in its high one.
int nibble(const uint8_t (&qs)[16], size_t i) { return bits_at(qs[i % 16], 4 * (i / 16), 4); }

/// Bit i of the little-endian u32 that the four bytes make is the fifth bit of element i.
int fifth_bit(const uint8_t (&qh)[4], size_t i) { return bits_at(qh[i / 8], i % 8, 1) << 4; }

void set_scale(F16Bits d, Parts& parts) { parts.scale[0] = parts.block_scale[0] = f16_to_f32(d); }
void set_offset(F16Bits m, Parts& parts) { parts.offset[0] = parts.block_offset = f16_to_f32(m); }

void unpack_q4_0(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ4_0>(bytes);
  set_scale(block.d, parts);
  for (size_t i = 0; i < kValues; ++i) parts.code[i] = static_cast<float>(nibble(block.qs, i) - 8);
}

void unpack_q4_1(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ4_1>(bytes);
  set_scale(block.d, parts);
  set_offset(block.m, parts);
  for (size_t i = 0; i < kValues; ++i) parts.code[i] = static_cast<float>(nibble(block.qs, i));
}

void unpack_q5_0(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ5_0>(bytes);
  set_scale(block.d, parts);
  for (size_t i = 0; i < kValues; ++i) {
    parts.code[i] = static_cast<float>((nibble(block.qs, i) | fifth_bit(block.qh, i)) - 16);
  }
}

void unpack_q5_1(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ5_1>(bytes);
  set_scale(block.d, parts);
  set_offset(block.m, parts);
  for (size_t i = 0; i < kValues; ++i) {
    parts.code[i] = static_cast<float>(nibble(block.qs, i) | fifth_bit(block.qh, i));
  }
}

/// Q8_0 and Q8_1: the codes are plain bytes.
template <typename Block>
void unpack_q8(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<Block>(bytes);
  set_scale(block.d, parts);
  for (size_t i = 0; i < kValues; ++i) parts.code[i] = static_cast<float>(block.qs[i]);
}

constexpr Field kQ4_0Fields[] = {
    {"d", offsetof(BlockQ4_0, d), Encoding::f16, 1, "scale"},
    {"qs", offsetof(BlockQ4_0, qs), Encoding::u8, 16, "codes, two a byte"},
};
constexpr Field kQ4_1Fields[] = {
    {"d", offsetof(BlockQ4_1, d), Encoding::f16, 1, "scale"},
    {"m", offsetof(BlockQ4_1, m), Encoding::f16, 1, "minimum, added"},
    {"qs", offsetof(BlockQ4_1, qs), Encoding::u8, 16, "codes, two a byte"},
};
constexpr Field kQ5_0Fields[] = {
    {"d", offsetof(BlockQ5_0, d), Encoding::f16, 1, "scale"},
    {"qh", offsetof(BlockQ5_0, qh), Encoding::u32, 1, "fifth bits; bit i belongs to element i"},
    {"qs", offsetof(BlockQ5_0, qs), Encoding::u8, 16, "low four bits, two a byte"},
};
constexpr Field kQ5_1Fields[] = {
    {"d", offsetof(BlockQ5_1, d), Encoding::f16, 1, "scale"},
    {"m", offsetof(BlockQ5_1, m), Encoding::f16, 1, "minimum, added"},
    {"qh", offsetof(BlockQ5_1, qh), Encoding::u32, 1, "fifth bits; bit i belongs to element i"},
    {"qs", offsetof(BlockQ5_1, qs), Encoding::u8, 16, "low four bits, two a byte"},
};
constexpr Field kQ8_0Fields[] = {
    {"d", offsetof(BlockQ8_0, d), Encoding::f16, 1, "scale"},
    {"qs", offsetof(BlockQ8_0, qs), Encoding::i8, 32, "codes"},
};
constexpr Field kQ8_1Fields[] = {
    {"d", offsetof(BlockQ8_1, d), Encoding::f16, 1, "scale"},
    {"s", offsetof(BlockQ8_1, s), Encoding::f16, 1,
     "d * sum(qs), for dot products; the values do not use it"},
    {"qs", offsetof(BlockQ8_1, qs), Encoding::i8, 32, "codes"},
};

constexpr Format kFormats[] = {
    {.type = DType::q4_0,
     .fields = kQ4_0Fields,
     .formula = "y[i] = d * q[i]",
     .mapping = "q[i] = (4 bits of qs[i%16] from bit 4*(i/16)) - 8",
     .unpack = unpack_q4_0},
    {.type = DType::q4_1,
     .fields = kQ4_1Fields,
     .formula = "y[i] = d * q[i] + m",
     .mapping = "q[i] = 4 bits of qs[i%16] from bit 4*(i/16)",
     .unpack = unpack_q4_1,
     .has_offset = true},
    {.type = DType::q5_0,
     .fields = kQ5_0Fields,
     .formula = "y[i] = d * q[i]",
     .mapping = "q[i] = (4 bits of qs[i%16] from bit 4*(i/16)) + 16*(bit i of qh) - 16",
     .unpack = unpack_q5_0},
    {.type = DType::q5_1,
     .fields = kQ5_1Fields,
     .formula = "y[i] = d * q[i] + m",
     .mapping = "q[i] = (4 bits of qs[i%16] from bit 4*(i/16)) + 16*(bit i of qh)",
     .unpack = unpack_q5_1,
     .has_offset = true},
    {.type = DType::q8_0,
     .fields = kQ8_0Fields,
     .formula = "y[i] = d * q[i]",
     .mapping = "q[i] = qs[i]",
     .unpack = unpack_q8<BlockQ8_0>},
    {.type = DType::q8_1,
     .fields = kQ8_1Fields,
     .formula = "y[i] = d * q[i]",
     .mapping = "q[i] = qs[i]",
     .unpack = unpack_q8<BlockQ8_1>},
};

}  // namespace

std::span<const Format> legacy_formats() { return kFormats; }

}  // namespace kilter::quant
