// Blocks of 256 values whose groups of 16 or 32 have small integer scales: Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K.
#include "quant/block_layouts.h"
#include "quant/format.h"
#include "quant/half.h"

namespace kilter::quant {
namespace {

constexpr size_t kValues = 256;

/// scale[g] = d * sc[g], for the first `groups` groups.
void set_scales(float d, size_t groups, Parts& parts) {
  parts.block_scale[0] = d;
  for (size_t g = 0; g < groups; ++g) parts.scale[g] = d * static_cast<float>(parts.scale_code[g]);
}

/// offset[g] = -dmin * m[g].
void set_offsets(float dmin, size_t groups, Parts& parts) {
  parts.block_offset = dmin;
  for (size_t g = 0; g < groups; ++g) parts.offset[g] = -(dmin * static_cast<float>(parts.offset_code[g]));
}

/// Four elements share a byte, 32 apart.
void unpack_two_bits(const uint8_t (&qs)[64], Parts& parts) {
  for (size_t run = 0; run < 8; ++run) {
    for (size_t j = 0; j < 32; ++j) {
      parts.code[32 * run + j] = as_code(qs[32 * (run / 4) + j] >> (2 * (run % 4)) & 3);
    }
  }
}

/// Two elements share a byte, `apart` from each other: 32 in Q4_K and Q5_K, 64 in Q6_K.
template <size_t apart>
void unpack_four_bits(const uint8_t (&qs)[128], Parts& parts) {
  for (size_t run = 0; run < 128 / apart; ++run) {
    for (size_t j = 0; j < apart; ++j) {
      const uint8_t byte = qs[apart * run + j];
      parts.code[2 * apart * run + j] = as_code(byte & 15);
      parts.code[2 * apart * run + apart + j] = as_code(byte >> 4);
    }
  }
}

/// Adds `weight` to the codes whose bit is set: bit g of byte j belongs to element 32 g + j.
void add_one_bit(const uint8_t (&qh)[32], int weight, Parts& parts) {
  for (size_t g = 0; g < 8; ++g) {
    for (size_t j = 0; j < 32; ++j) {
      parts.code[32 * g + j] = as_code(parts.code[32 * g + j] + (qh[j] >> g & 1) * weight);
    }
  }
}

void unpack_q2_k(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ2K>(bytes);
  for (size_t g = 0; g < 16; ++g) {
    parts.scale_code[g] = bits_at(block.scales[g], 0, 4);
    parts.offset_code[g] = bits_at(block.scales[g], 4, 4);
  }
  set_scales(f16_to_f32(block.d), 16, parts);
  set_offsets(f16_to_f32(block.dmin), 16, parts);
  unpack_two_bits(block.qs, parts);
}

void unpack_q3_k(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ3K>(bytes);
  for (size_t g = 0; g < 16; ++g) {
    const int low = bits_at(block.scales[g % 8], 4 * (g / 8), 4);
    const int high = bits_at(block.scales[8 + g % 4], 2 * (g / 4), 2);
    parts.scale_code[g] = (low | high << 4) - 32;
  }
  set_scales(f16_to_f32(block.d), 16, parts);
  unpack_two_bits(block.qs, parts);
  for (int8_t& code : parts.code) code = as_code(code - 4);
  add_one_bit(block.hmask, 4, parts);
}

/// The 12 bytes of Q4_K and Q5_K: 8 scales and 8 minimums of 6 bits. The first four of each lie
/// whole in bytes 0-3 and 4-7; the others have their low nibbles in bytes 8-11 and their upper two
/// bits on top of the first eight.
void unpack_scales_and_minimums(const uint8_t (&scales)[12], Parts& parts) {
  for (size_t g = 0; g < 4; ++g) {
    parts.scale_code[g] = bits_at(scales[g], 0, 6);
    parts.offset_code[g] = bits_at(scales[g + 4], 0, 6);
    parts.scale_code[g + 4] = bits_at(scales[g + 8], 0, 4) | bits_at(scales[g], 6, 2) << 4;
    parts.offset_code[g + 4] = bits_at(scales[g + 8], 4, 4) | bits_at(scales[g + 4], 6, 2) << 4;
  }
}

void unpack_q4_k(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ4K>(bytes);
  unpack_scales_and_minimums(block.scales, parts);
  set_scales(f16_to_f32(block.d), 8, parts);
  set_offsets(f16_to_f32(block.dmin), 8, parts);
  unpack_four_bits<32>(block.qs, parts);
}

void unpack_q5_k(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ5K>(bytes);
  unpack_scales_and_minimums(block.scales, parts);
  set_scales(f16_to_f32(block.d), 8, parts);
  set_offsets(f16_to_f32(block.dmin), 8, parts);
  unpack_four_bits<32>(block.qs, parts);
  add_one_bit(block.qh, 16, parts);
}

void unpack_q6_k(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ6K>(bytes);
  for (size_t g = 0; g < 16; ++g) parts.scale_code[g] = block.scales[g];
  set_scales(f16_to_f32(block.d), 16, parts);
  unpack_four_bits<64>(block.ql, parts);
  for (size_t run = 0; run < 8; ++run) {
    for (size_t j = 0; j < 32; ++j) {
      const int high = block.qh[32 * (run / 4) + j] >> (2 * (run % 4)) & 3;
      parts.code[32 * run + j] = as_code((parts.code[32 * run + j] | high << 4) - 32);
    }
  }
}

void unpack_q8_k(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockQ8K>(bytes);
  parts.scale[0] = parts.block_scale[0] = block.d;
  for (size_t i = 0; i < kValues; ++i) parts.code[i] = block.qs[i];
}

constexpr Field kQ2KFields[] = {
    {"scales", offsetof(BlockQ2K, scales), Encoding::u8, 16, "4-bit scale and 4-bit minimum of each group"},
    {"qs", offsetof(BlockQ2K, qs), Encoding::u8, 64, "codes, four a byte"},
    {"d", offsetof(BlockQ2K, d), Encoding::f16, 1, "scale of the scales"},
    {"dmin", offsetof(BlockQ2K, dmin), Encoding::f16, 1, "scale of the minimums"},
};
constexpr Field kQ3KFields[] = {
    {"hmask", offsetof(BlockQ3K, hmask), Encoding::u8, 32, "third bits; a clear bit subtracts 4"},
    {"qs", offsetof(BlockQ3K, qs), Encoding::u8, 64, "low two bits, four a byte"},
    {"scales", offsetof(BlockQ3K, scales), Encoding::u8, 12, "16 packed 6-bit scales"},
    {"d", offsetof(BlockQ3K, d), Encoding::f16, 1, "scale of the scales"},
};
constexpr Field kQ4KFields[] = {
    {"d", offsetof(BlockQ4K, d), Encoding::f16, 1, "scale of the scales"},
    {"dmin", offsetof(BlockQ4K, dmin), Encoding::f16, 1, "scale of the minimums"},
    {"scales", offsetof(BlockQ4K, scales), Encoding::u8, 12, "8 packed 6-bit scales and minimums"},
    {"qs", offsetof(BlockQ4K, qs), Encoding::u8, 128, "codes, two a byte"},
};
constexpr Field kQ5KFields[] = {
    {"d", offsetof(BlockQ5K, d), Encoding::f16, 1, "scale of the scales"},
    {"dmin", offsetof(BlockQ5K, dmin), Encoding::f16, 1, "scale of the minimums"},
    {"scales", offsetof(BlockQ5K, scales), Encoding::u8, 12, "8 packed 6-bit scales and minimums"},
    {"qh", offsetof(BlockQ5K, qh), Encoding::u8, 32, "fifth bits, eight a byte"},
    {"qs", offsetof(BlockQ5K, qs), Encoding::u8, 128, "low four bits, two a byte"},
};
constexpr Field kQ6KFields[] = {
    {"ql", offsetof(BlockQ6K, ql), Encoding::u8, 128, "low four bits, two a byte"},
    {"qh", offsetof(BlockQ6K, qh), Encoding::u8, 64, "upper two bits, four a byte"},
    {"scales", offsetof(BlockQ6K, scales), Encoding::i8, 16, "scale of each group"},
    {"d", offsetof(BlockQ6K, d), Encoding::f16, 1, "scale of the scales"},
};
constexpr Field kQ8KFields[] = {
    {"d", offsetof(BlockQ8K, d), Encoding::f32, 1, "scale"},
    {"qs", offsetof(BlockQ8K, qs), Encoding::i8, 256, "codes"},
    {"bsums", offsetof(BlockQ8K, bsums), Encoding::i16, 16,
     "sums of 16 codes, for dot products; the values do not use them"},
};

constexpr CodeList kSixBitScales = {
    "sc", 8,
    "g < 4: low 6 bits of scales[g]; else low 4 bits of scales[g+4], plus 16 times "
    "the top 2 bits of scales[g-4]"};
constexpr CodeList kSixBitMinimums = {
    "m", 8,
    "g < 4: low 6 bits of scales[g+4]; else high 4 bits of scales[g+4], plus 16 "
    "times the top 2 bits of scales[g]"};

constexpr Format kFormats[] = {
    {.type = DType::q2_k,
     .fields = kQ2KFields,
     .formula = "y[i] = d * sc[g] * q[i] - dmin * m[g], g = i/16",
     .mapping = "q[i] = 2 bits of qs[32*(i/128) + i%32] from bit 2*(i/32 % 4)",
     .unpack = unpack_q2_k,
     .groups = 16,
     .has_offset = true,
     .scale_codes = {"sc", 16, "low 4 bits of scales[g]"},
     .offset_codes = {"m", 16, "high 4 bits of scales[g]"}},
    {.type = DType::q3_k,
     .fields = kQ3KFields,
     .formula = "y[i] = d * sc[g] * q[i], g = i/16",
     .mapping =
         "q[i] = (2 bits of qs[32*(i/128) + i%32] from bit 2*(i/32 % 4)) + 4*(bit i/32 of hmask[i%32]) - 4",
     .unpack = unpack_q3_k,
     .groups = 16,
     .scale_codes =
         {"sc", 16,
          "(4 bits of scales[g%8] from bit 4*(g/8)) + 16*(2 bits of scales[8 + g%4] from bit 2*(g/4)) "
          "- 32"}},
    {.type = DType::q4_k,
     .fields = kQ4KFields,
     .formula = "y[i] = d * sc[g] * q[i] - dmin * m[g], g = i/32",
     .mapping = "q[i] = 4 bits of qs[32*(i/64) + i%32] from bit 4*(i/32 % 2)",
     .unpack = unpack_q4_k,
     .groups = 8,
     .has_offset = true,
     .scale_codes = kSixBitScales,
     .offset_codes = kSixBitMinimums},
    {.type = DType::q5_k,
     .fields = kQ5KFields,
     .formula = "y[i] = d * sc[g] * q[i] - dmin * m[g], g = i/32",
     .mapping = "q[i] = (4 bits of qs[32*(i/64) + i%32] from bit 4*(i/32 % 2)) + 16*(bit i/32 of qh[i%32])",
     .unpack = unpack_q5_k,
     .groups = 8,
     .has_offset = true,
     .scale_codes = kSixBitScales,
     .offset_codes = kSixBitMinimums},
    {.type = DType::q6_k,
     .fields = kQ6KFields,
     .formula = "y[i] = d * sc[g] * q[i], g = i/16",
     .mapping = "q[i] = (4 bits of ql[64*(i/128) + i%64] from bit 4*(i/64 % 2)) + 16*(2 bits of "
                "qh[32*(i/128) + i%32] from bit 2*(i/32 % 4)) - 32",
     .unpack = unpack_q6_k,
     .groups = 16,
     .scale_codes = {"sc", 16, "scales[g]"}},
    {.type = DType::q8_k,
     .fields = kQ8KFields,
     .formula = "y[i] = d * q[i]",
     .mapping = "q[i] = qs[i]",
     .unpack = unpack_q8_k},
};

}  // namespace

std::span<const Format> k_quant_formats() { return kFormats; }

}  // namespace kilter::quant
