// Three-bit grid types: IQ3_XXS IQ3_S. 64 runs of 4 values, each a grid point; eight signs for two runs.
#include "quant/block_layouts.h"
#include "quant/format.h"
#include "quant/half.h"
#include "quant/iq_grid.h"

namespace kilter::quant {
namespace {

constexpr size_t kGroups = 8;
constexpr size_t kRuns = 64;

/// Turns grid_index and sign_bits into codes.
template <size_t points>
void finish_codes(const std::array<uint32_t, points>& grid, Parts& parts) {
  for (size_t run = 0; run < kRuns; ++run) {
    const uint32_t point = grid[static_cast<size_t>(parts.grid_index[run])];
    const int signs = parts.sign_bits[run / 2] >> (4 * (run % 2));
    for (size_t j = 0; j < 4; ++j) parts.code[4 * run + j] = signed_code(coordinate(point, j), signs, j);
  }
}

void unpack_iq3_xxs(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockIq3Xxs>(bytes);
  const float d = f16_to_f32(block.d);
  parts.block_scale[0] = d;
  for (size_t g = 0; g < kGroups; ++g) {
    uint32_t word;
    std::memcpy(&word, &block.scales_and_signs[4 * g], sizeof(word));
    parts.scale_code[g] = bits_at(word, 28, 4);
    parts.scale[g] = d * (0.5f + static_cast<float>(parts.scale_code[g])) * 0.5f;
    for (size_t k = 0; k < 4; ++k) parts.sign_bits[4 * g + k] = even_signs(bits_at(word, 7 * k, 7));
  }
  for (size_t run = 0; run < kRuns; ++run) parts.grid_index[run] = block.qs[run];
  finish_codes(kIq3XxsGrid, parts);
}

void unpack_iq3_s(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockIq3S>(bytes);
  const float d = f16_to_f32(block.d);
  parts.block_scale[0] = d;
  for (size_t g = 0; g < kGroups; ++g) {
    parts.scale_code[g] = bits_at(block.scales[g / 2], 4 * (g % 2), 4);
    parts.scale[g] = d * static_cast<float>(1 + 2 * parts.scale_code[g]);
  }
  for (size_t k = 0; k < 32; ++k) parts.sign_bits[k] = block.signs[k];
  for (size_t run = 0; run < kRuns; ++run) {
    parts.grid_index[run] = block.qs[run] | bits_at(block.qh[run / 8], run % 8, 1) << 8;
  }
  finish_codes(kIq3SGrid, parts);
}

constexpr Field kIq3XxsFields[] = {
    {"d", offsetof(BlockIq3Xxs, d), Encoding::f16, 1, "scale of the scales"},
    {"qs", offsetof(BlockIq3Xxs, qs), Encoding::u8, 64, "grid indices"},
    {"scales_and_signs", offsetof(BlockIq3Xxs, scales_and_signs), Encoding::u32, 8,
     "for each 32 values four 7-bit sign indices and a 4-bit scale"},
};
constexpr Field kIq3SFields[] = {
    {"d", offsetof(BlockIq3S, d), Encoding::f16, 1, "scale of the scales"},
    {"qs", offsetof(BlockIq3S, qs), Encoding::u8, 64, "low 8 bits of the grid indices"},
    {"qh", offsetof(BlockIq3S, qh), Encoding::u8, 8, "ninth bits of the grid indices, eight a byte"},
    {"signs", offsetof(BlockIq3S, signs), Encoding::u8, 32, "eight signs a byte"},
    {"scales", offsetof(BlockIq3S, scales), Encoding::u8, 4, "4-bit scales, two a byte"},
};

constexpr std::string_view kMapping =
    "q[i] = coordinate i%4 of grid point grid[i/4], negative where bit i%8 of signs[i/8] is set";

constexpr Format kFormats[] = {
    {.type = DType::iq3_xxs,
     .fields = kIq3XxsFields,
     .formula = "y[i] = d * (0.5 + sc[g]) * 0.5 * q[i], g = i/32",
     .mapping = kMapping,
     .unpack = unpack_iq3_xxs,
     .groups = kGroups,
     .scale_codes = {"sc", kGroups, "top 4 bits of scales_and_signs[g]"},
     .grid_indices = {"grid", kRuns, "run r = i/4: qs[r]"},
     .sign_bits =
         {"signs", 32,
          "k = i/8: 7 bits of scales_and_signs[k/4] from bit 7*(k%4); bit 7 makes their number even"}},
    {.type = DType::iq3_s,
     .fields = kIq3SFields,
     .formula = "y[i] = d * (1 + 2*sc[g]) * q[i], g = i/32",
     .mapping = kMapping,
     .unpack = unpack_iq3_s,
     .groups = kGroups,
     .scale_codes = {"sc", kGroups, "4 bits of scales[g/2] from bit 4*(g%2)"},
     .grid_indices = {"grid", kRuns, "run r = i/4: qs[r] + 256*(bit r%8 of qh[r/8])"},
     .sign_bits = {"signs", 32, "k = i/8: signs[k]"}},
};

}  // namespace

std::span<const Format> iq3_formats() { return kFormats; }

}  // namespace kilter::quant
