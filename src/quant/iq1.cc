// One-bit grid types: IQ1_S IQ1_M. 32 runs of 8 values: a grid point of -1, 0, 1, all moved by an eighth.
#include "quant/block_layouts.h"
#include "quant/format.h"
#include "quant/half.h"
#include "quant/iq_grid.h"

namespace kilter::quant {
namespace {

constexpr size_t kRuns = 32;
constexpr int kUnitsInOne = 8;  // delta is one unit

/// Turns scale_code, grid_index and sign_bits (1: delta is negative) into scales and codes.
void finish(F16Bits d, size_t groups, Parts& parts) {
  parts.block_scale[0] = f16_to_f32(d);
  for (size_t g = 0; g < groups; ++g) {
    parts.scale[g] = parts.block_scale[0] * static_cast<float>(2 * parts.scale_code[g] + 1);
  }
  for (size_t run = 0; run < kRuns; ++run) {
    const uint64_t point = kIq1Grid[static_cast<size_t>(parts.grid_index[run])];
    const int delta = parts.sign_bits[run] != 0 ? -1 : 1;
    for (size_t j = 0; j < 8; ++j) {
      parts.code[8 * run + j] = as_code(kUnitsInOne * coordinate(point, j) + delta);
    }
  }
}

void unpack_iq1_s(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockIq1S>(bytes);
  for (size_t g = 0; g < 8; ++g) parts.scale_code[g] = bits_at(block.qh[g], 12, 3);
  for (size_t run = 0; run < kRuns; ++run) {
    const uint16_t high = block.qh[run / 4];
    parts.grid_index[run] = block.qs[run] | bits_at(high, 3 * (run % 4), 3) << 8;
    parts.sign_bits[run] = bits_at(high, 15, 1);
  }
  finish(block.d, 8, parts);
}

/// The scale of IQ1_M has no field of its own: its four nibbles, lowest first,
/// are the upper ones of `scales`.
F16Bits scattered_scale(const uint16_t (&scales)[4]) {
  int bits = 0;
  for (size_t k = 0; k < 4; ++k) bits |= bits_at(scales[k], 12, 4) << (4 * k);
  return static_cast<F16Bits>(bits);
}

void unpack_iq1_m(const std::byte* bytes, Parts& parts) {
  const auto block = load_block<BlockIq1M>(bytes);
  for (size_t g = 0; g < 16; ++g) parts.scale_code[g] = bits_at(block.scales[g / 4], 3 * (g % 4), 3);
  for (size_t run = 0; run < kRuns; ++run) {
    const int high = bits_at(block.qh[run / 2], 4 * (run % 2), 4);
    parts.grid_index[run] = block.qs[run] | (high & 7) << 8;
    parts.sign_bits[run] = high >> 3;
  }
  finish(scattered_scale(block.scales), 16, parts);
}

constexpr Field kIq1SFields[] = {
    {"d", offsetof(BlockIq1S, d), Encoding::f16, 1, "scale of the scales"},
    {"qs", offsetof(BlockIq1S, qs), Encoding::u8, 32, "low 8 bits of the grid indices"},
    {"qh", offsetof(BlockIq1S, qh), Encoding::u16, 8,
     "for each 32 values the upper 3 bits of four grid indices, a 3-bit scale, the sign of delta"},
};
constexpr Field kIq1MFields[] = {
    {"qs", offsetof(BlockIq1M, qs), Encoding::u8, 32, "low 8 bits of the grid indices"},
    {"qh", offsetof(BlockIq1M, qh), Encoding::u8, 16,
     "a nibble for each 8 values: upper 3 bits of the grid index, the sign of delta"},
    {"scales", offsetof(BlockIq1M, scales), Encoding::u16, 4,
     "four 3-bit scales each; the upper nibbles, lowest first, are the f16 scale d"},
};

constexpr std::string_view kMapping =
    "q[i] = coordinate i%8 of grid point grid[i/8], minus 1/8 where delta[i/8] is 1, else plus 1/8";

constexpr Format kFormats[] = {
    {.type = DType::iq1_s,
     .fields = kIq1SFields,
     .formula = "y[i] = d * (2*sc[g] + 1) * q[i], g = i/32",
     .mapping = kMapping,
     .unpack = unpack_iq1_s,
     .code_unit = 1.0f / kUnitsInOne,
     .groups = 8,
     .scale_codes = {"sc", 8, "bits 12 to 14 of qh[g]"},
     .grid_indices = {"grid", kRuns, "run r = i/8: qs[r] + 256*(3 bits of qh[r/4] from bit 3*(r%4))"},
     .sign_bits = {"delta", kRuns, "bit 15 of qh[r/4]"}},
    {.type = DType::iq1_m,
     .fields = kIq1MFields,
     .formula = "y[i] = d * (2*sc[g] + 1) * q[i], g = i/16",
     .mapping = kMapping,
     .unpack = unpack_iq1_m,
     .code_unit = 1.0f / kUnitsInOne,
     .groups = 16,
     .scale_codes = {"sc", 16, "3 bits of scales[g/4] from bit 3*(g%4)"},
     .grid_indices = {"grid", kRuns, "run r = i/8: qs[r] + 256*(3 bits of qh[r/2] from bit 4*(r%2))"},
     .sign_bits = {"delta", kRuns, "bit 3 + 4*(r%2) of qh[r/2]"}},
};

}  // namespace

std::span<const Format> iq1_formats() { return kFormats; }

}  // namespace kilter::quant
