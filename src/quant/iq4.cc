// Four-bit codes into 16 unevenly spaced levels: IQ4_NL IQ4_XS.
#include "quant/block_layouts.h"
#include "quant/format.h"
#include "quant/half.h"

namespace kilter::quant {
namespace {

/// Source: kvalues of gguf-py's IQ4_NL.
constexpr int8_t kLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

void unpack_iq4_nl(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockIq4Nl>(bytes);
  parts.scale[0] = parts.block_scale[0] = f16_to_f32(block.d);
  for (size_t i = 0; i < 32; ++i) parts.code[i] = kLevels[bits_at(block.qs[i % 16], 4 * (i / 16), 4)];
}

void unpack_iq4_xs(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockIq4Xs>(bytes);
  const float d = f16_to_f32(block.d);
  parts.block_scale[0] = d;
  for (size_t g = 0; g < 8; ++g) {
    const int low = bits_at(block.scales_l[g / 2], 4 * (g % 2), 4);
    const int high = bits_at(block.scales_h, 2 * g, 2);
    parts.scale_code[g] = (low | high << 4) - 32;
    parts.scale[g] = d * static_cast<float>(parts.scale_code[g]);
  }
  for (size_t i = 0; i < 256; ++i) {
    parts.code[i] = kLevels[bits_at(block.qs[16 * (i / 32) + i % 16], 4 * (i / 16 % 2), 4)];
  }
}

constexpr Field kIq4NlFields[] = {
    {"d", offsetof(BlockIq4Nl, d), Encoding::f16, 1, "scale"},
    {"qs", offsetof(BlockIq4Nl, qs), Encoding::u8, 16, "indices of levels, two a byte"},
};
constexpr Field kIq4XsFields[] = {
    {"d", offsetof(BlockIq4Xs, d), Encoding::f16, 1, "scale of the scales"},
    {"scales_h", offsetof(BlockIq4Xs, scales_h), Encoding::u16, 1, "upper 2 bits of 8 scales"},
    {"scales_l", offsetof(BlockIq4Xs, scales_l), Encoding::u8, 4, "low 4 bits of 8 scales, two a byte"},
    {"qs", offsetof(BlockIq4Xs, qs), Encoding::u8, 128, "indices of levels, two a byte"},
};

constexpr Format kFormats[] = {
    {.type = DType::iq4_nl,
     .fields = kIq4NlFields,
     .formula = "y[i] = d * q[i]",
     .mapping =
         "q[i] = level[4 bits of qs[i%16] from bit 4*(i/16)], level = -127 -104 -83 -65 -49 -35 -22 -10 1 "
         "13 25 38 53 69 89 113",
     .unpack = unpack_iq4_nl},
    {.type = DType::iq4_xs,
     .fields = kIq4XsFields,
     .formula = "y[i] = d * sc[g] * q[i], g = i/32",
     .mapping =
         "q[i] = level[4 bits of qs[16*(i/32) + i%16] from bit 4*(i/16 % 2)], level = -127 -104 -83 -65 "
         "-49 -35 -22 -10 1 13 25 38 53 69 89 113",
     .unpack = unpack_iq4_xs,
     .groups = 8,
     .scale_codes =
         {"sc", 8, "(4 bits of scales_l[g/2] from bit 4*(g%2)) + 16*(2 bits of scales_h from bit 2*g) - 32"}},
};

}  // namespace

std::span<const Format> iq4_formats() { return kFormats; }

}  // namespace kilter::quant
