// Blocks of 32 values with one scale: Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q8_1.
#include "quant/block_layouts.h"
#include "quant/format.h"
#include "quant/half.h"

namespace kilter::quant {
namespace {

constexpr size_t kValues = 32;

/// Byte j holds element j in its low nibble and element j + 16 in its high one; `zero` is what code 0 stands
/// for.
void unpack_nibbles(const uint8_t (&qs)[16], int zero, Parts& parts) {
  for (size_t j = 0; j < 16; ++j) {
    parts.code[j] = as_code((qs[j] & 15) - zero);
    parts.code[j + 16] = as_code((qs[j] >> 4) - zero);
  }
}

/// Bit i of the little-endian u32 that the four bytes make is the fifth bit of element i.
void add_fifth_bits(const uint8_t (&qh)[4], Parts& parts) {
  for (size_t i = 0; i < kValues; ++i) {
    parts.code[i] = as_code(parts.code[i] + (bits_at(qh[i / 8], i % 8, 1) << 4));
  }
}

void set_scale(F16Bits d, Parts& parts) { parts.scale[0] = parts.block_scale[0] = f16_to_f32(d); }
void set_offset(F16Bits m, Parts& parts) { parts.offset[0] = parts.block_offset = f16_to_f32(m); }

void unpack_q4_0(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ4_0>(bytes);
  set_scale(block.d, parts);
  unpack_nibbles(block.qs, 8, parts);
}

void unpack_q4_1(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ4_1>(bytes);
  set_scale(block.d, parts);
  set_offset(block.m, parts);
  unpack_nibbles(block.qs, 0, parts);
}

void unpack_q5_0(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ5_0>(bytes);
  set_scale(block.d, parts);
  unpack_nibbles(block.qs, 16, parts);
  add_fifth_bits(block.qh, parts);
}

void unpack_q5_1(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ5_1>(bytes);
  set_scale(block.d, parts);
  set_offset(block.m, parts);
  unpack_nibbles(block.qs, 0, parts);
  add_fifth_bits(block.qh, parts);
}

/// Q8_0 and Q8_1: the codes are plain bytes.
template <typename Block>
void unpack_q8(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<Block>(bytes);
  set_scale(block.d, parts);
  for (size_t i = 0; i < kValues; ++i) parts.code[i] = block.qs[i];
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
