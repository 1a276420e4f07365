// Four-bit floats (E2M1) under 8-bit float scales: MXFP4 NVFP4.
#include "quant/block_layouts.h"
#include "quant/format.h"
#include "quant/tiny_floats.h"

namespace kilter::quant {
namespace {

/// The 16 values of E2M1, doubled so that they are integers. -0 is plain 0, as in ggml and gguf-py.
/// Source: OCP Microscaling Formats 1.0, 5.3.3.
constexpr int8_t kDoubledE2m1[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

void unpack_mxfp4(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockMxfp4>(bytes);
  parts.scale[0] = parts.block_scale[0] = half_of_e8m0(block.e);
  for (size_t i = 0; i < 32; ++i) parts.code[i] = kDoubledE2m1[bits_at(block.qs[i % 16], 4 * (i / 16), 4)];
}

void unpack_nvfp4(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockNvfp4>(bytes);
  for (size_t g = 0; g < 4; ++g) parts.scale[g] = parts.block_scale[g] = 0.5f * ue4m3_to_f32(block.d[g]);
  for (size_t i = 0; i < 64; ++i) {
    parts.code[i] = kDoubledE2m1[bits_at(block.qs[8 * (i / 16) + i % 8], 4 * (i / 8 % 2), 4)];
  }
}

constexpr Field kMxfp4Fields[] = {
    {"e", offsetof(BlockMxfp4, e), Encoding::e8m0, 1, "scale, 2^(bits - 127)"},
    {"qs", offsetof(BlockMxfp4, qs), Encoding::u8, 16, "E2M1 codes, two a byte"},
};
constexpr Field kNvfp4Fields[] = {
    {"d", offsetof(BlockNvfp4, d), Encoding::ue4m3, 4, "scale of each 16 values"},
    {"qs", offsetof(BlockNvfp4, qs), Encoding::u8, 32, "E2M1 codes, two a byte"},
};

constexpr Format kFormats[] = {
    {.type = DType::mxfp4,
     .fields = kMxfp4Fields,
     .formula = "y[i] = 0.5 * e * q[i]",
     .mapping =
         "q[i] = level[4 bits of qs[i%16] from bit 4*(i/16)], level = 0 1 2 3 4 6 8 12 0 -1 -2 -3 -4 -6 -8 "
         "-12, twice the E2M1 value",
     .unpack = unpack_mxfp4},
    {.type = DType::nvfp4,
     .fields = kNvfp4Fields,
     .formula = "y[i] = 0.5 * d[g] * q[i], g = i/16",
     .mapping =
         "q[i] = level[4 bits of qs[8*(i/16) + i%8] from bit 4*(i/8 % 2)], level = 0 1 2 3 4 6 8 12 0 -1 -2 "
         "-3 -4 -6 -8 -12, twice the E2M1 value",
     .unpack = unpack_nvfp4,
     .groups = 4,
     .block_scales = 4},
};

}  // namespace

std::span<const Format> fp4_formats() { return kFormats; }

}  // namespace kilter::quant
