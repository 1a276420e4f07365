// Two-bit grid types: IQ2_XXS IQ2_XS IQ2_S. 32 runs of 8 values, each a grid point and eight signs.
#include "quant/block_layouts.h"
#include "quant/format.h"
#include "quant/half.h"
#include "quant/iq_grid.h"

namespace kilter::quant {
namespace {

constexpr size_t kRuns = 32;

/// Turns scale_code, grid_index and sign_bits into scales and codes.
template <size_t points>
void finish(F16Bits d, size_t groups, const std::array<uint64_t, points>& grid, Parts& parts) {
  parts.block_scale[0] = f16_to_f32(d);
  for (size_t g = 0; g < groups; ++g) {
    parts.scale[g] = parts.block_scale[0] * (0.5f + static_cast<float>(parts.scale_code[g])) * 0.25f;
  }
  for (size_t run = 0; run < kRuns; ++run) {
    const uint64_t point = grid[static_cast<size_t>(parts.grid_index[run])];
    for (size_t j = 0; j < 8; ++j) {
      parts.code[8 * run + j] = signed_code(coordinate(point, j), parts.sign_bits[run], j);
    }
  }
}

void unpack_iq2_xxs(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockIq2Xxs>(bytes);
  for (size_t g = 0; g < 8; ++g) {
    const uint16_t* words = &block.qs[4 * g];
    const uint32_t indices = words[0] | static_cast<uint32_t>(words[1]) << 16;
    const uint32_t signs_and_scale = words[2] | static_cast<uint32_t>(words[3]) << 16;
    parts.scale_code[g] = bits_at(signs_and_scale, 28, 4);
    for (size_t run = 0; run < 4; ++run) {
      parts.grid_index[4 * g + run] = bits_at(indices, 8 * run, 8);
      parts.sign_bits[4 * g + run] = even_signs(bits_at(signs_and_scale, 7 * run, 7));
    }
  }
  finish(block.d, 8, kIq2XxsGrid, parts);
}

void unpack_iq2_xs(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockIq2Xs>(bytes);
  for (size_t g = 0; g < 16; ++g) parts.scale_code[g] = bits_at(block.scales[g / 2], 4 * (g % 2), 4);
  for (size_t run = 0; run < kRuns; ++run) {
    parts.grid_index[run] = bits_at(block.qs[run], 0, 9);
    parts.sign_bits[run] = even_signs(bits_at(block.qs[run], 9, 7));
  }
  finish(block.d, 16, kIq2XsGrid, parts);
}

void unpack_iq2_s(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockIq2S>(bytes);
  for (size_t g = 0; g < 16; ++g) parts.scale_code[g] = bits_at(block.scales[g / 2], 4 * (g % 2), 4);
  for (size_t run = 0; run < kRuns; ++run) {
    parts.grid_index[run] = block.qs[run] | bits_at(block.qh[run / 4], 2 * (run % 4), 2) << 8;
    parts.sign_bits[run] = block.signs[run];
  }
  finish(block.d, 16, kIq2SGrid, parts);
}

constexpr Field kIq2XxsFields[] = {
    {"d", offsetof(BlockIq2Xxs, d), Encoding::f16, 1, "scale of the scales"},
    {"qs", offsetof(BlockIq2Xxs, qs), Encoding::u32, 16,
     "for each 32 values two words: four 8-bit grid indices; four 7-bit sign indices and a 4-bit scale"},
};
constexpr Field kIq2XsFields[] = {
    {"d", offsetof(BlockIq2Xs, d), Encoding::f16, 1, "scale of the scales"},
    {"qs", offsetof(BlockIq2Xs, qs), Encoding::u16, 32,
     "for each 8 values a 9-bit grid index, 7-bit sign index"},
    {"scales", offsetof(BlockIq2Xs, scales), Encoding::u8, 8, "4-bit scales, two a byte"},
};
constexpr Field kIq2SFields[] = {
    {"d", offsetof(BlockIq2S, d), Encoding::f16, 1, "scale of the scales"},
    {"qs", offsetof(BlockIq2S, qs), Encoding::u8, 32, "low 8 bits of the grid indices"},
    {"signs", offsetof(BlockIq2S, signs), Encoding::u8, 32, "eight signs a byte"},
    {"qh", offsetof(BlockIq2S, qh), Encoding::u8, 8, "upper 2 bits of the grid indices, four a byte"},
    {"scales", offsetof(BlockIq2S, scales), Encoding::u8, 8, "4-bit scales, two a byte"},
};

constexpr std::string_view kMapping =
    "q[i] = coordinate i%8 of grid point grid[i/8], negative where bit i%8 of signs[i/8] is set";

constexpr Format kFormats[] = {
    {.type = DType::iq2_xxs,
     .fields = kIq2XxsFields,
     .formula = "y[i] = d * (0.5 + sc[g]) * 0.25 * q[i], g = i/32",
     .mapping = kMapping,
     .unpack = unpack_iq2_xxs,
     .groups = 8,
     .scale_codes = {"sc", 8, "top 4 bits of qs[2g+1]"},
     .grid_indices = {"grid", kRuns, "run r = i/8: byte r%4 of qs[2*(r/4)]"},
     .sign_bits = {"signs", kRuns,
                   "7 bits of qs[2*(r/4)+1] from bit 7*(r%4); bit 7 makes their number even"}},
    {.type = DType::iq2_xs,
     .fields = kIq2XsFields,
     .formula = "y[i] = d * (0.5 + sc[g]) * 0.25 * q[i], g = i/16",
     .mapping = kMapping,
     .unpack = unpack_iq2_xs,
     .groups = 16,
     .scale_codes = {"sc", 16, "4 bits of scales[g/2] from bit 4*(g%2)"},
     .grid_indices = {"grid", kRuns, "run r = i/8: low 9 bits of qs[r]"},
     .sign_bits = {"signs", kRuns, "top 7 bits of qs[r]; bit 7 makes their number even"}},
    {.type = DType::iq2_s,
     .fields = kIq2SFields,
     .formula = "y[i] = d * (0.5 + sc[g]) * 0.25 * q[i], g = i/16",
     .mapping = kMapping,
     .unpack = unpack_iq2_s,
     .groups = 16,
     .scale_codes = {"sc", 16, "4 bits of scales[g/2] from bit 4*(g%2)"},
     .grid_indices = {"grid", kRuns, "run r = i/8: qs[r] + 256*(2 bits of qh[r/4] from bit 2*(r%4))"},
     .sign_bits = {"signs", kRuns, "signs[r]"}},
};

}  // namespace

std::span<const Format> iq2_formats() { return kFormats; }

}  // namespace kilter::quant
