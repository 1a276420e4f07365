// A panel block with integer scales as AMX tiles: scales multiplied into the codes, so that the products of
// a whole block of 256 add up inside a tile.
//
// sc * q does not fit a byte; it is cut into a low and a high byte, each a B tile of its own:
//   Fold::scale    sc = low + 8 high, so sc q = low q + 8 (high q): codes up to 31 and scales up to 63 give
//                  31 * 7 = 217 in either byte. A 16-bit multiplication serves two bytes at once: no carry.
//   Fold::product  sc q of signed scales and codes (up to 128 * 32 = 4096) = low + 256 high, high signed.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "backend/cpu/amx/panel_lines.h"
#include "backend/cpu/amx/token_tile.h"
#include "backend/cpu/amx/unroll.h"
#include "backend/cpu/panel_format.h"

namespace kilter::cpu::amx {

enum class Fold : uint8_t { scale, product };

template <Fold kFold>
constexpr int kHighShift = kFold == Fold::scale ? 3 : 8;

/// 16 rows x 256 values, 9 KiB.
struct FoldedPanel {
  alignas(64) uint8_t low[4][kTileBytes];  ///< tile i: values [64 i, 64 i + 64)
  alignas(64) uint8_t high[4][kTileBytes];
  alignas(64) int32_t minimum[8][kPanelRows];  ///< mn of units 2i and 2i + 1 as two int16: for vpdpwssd
  alignas(64) float scale[kPanelRows];
  alignas(64) float offset[kPanelRows];  ///< -dmin
};

/// A row's number in both 16-bit halves of its lane.
[[gnu::always_inline]] inline __m512i twice(__m512i number) {
  return _mm512_or_si512(_mm512_and_si512(number, _mm512_set1_epi32(0xffff)), _mm512_slli_epi32(number, 16));
}

[[gnu::always_inline]] inline __m128i load_lanes(const std::byte* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

[[gnu::always_inline]] inline __m512 load_halves(const std::byte* bytes) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes)));
}

/// The lines of one unit with its scales `sc` (one a lane), to `low` and `high`.
template <Codes kCodes, int kLines>
[[gnu::always_inline]] inline void fold_scale(const CodeLines& lines, __m512i sc, uint8_t* low,
                                              uint8_t* high) {
  const __m512i scales = twice(sc);
  const __m512i sc_low = _mm512_and_si512(scales, _mm512_set1_epi16(7));
  const __m512i sc_high = _mm512_srli_epi16(scales, 3);
  unroll<kLines>([&](auto line) {
    const __m512i q = code_line<kCodes, line.value>(lines);
    _mm512_store_si512(low + line.value * kLineBytes, _mm512_mullo_epi16(q, sc_low));
    _mm512_store_si512(high + line.value * kLineBytes, _mm512_mullo_epi16(q, sc_high));
  });
}

/// The same for (u - zero) sc. vpmaddubsw multiplies the even bytes of a line while the odd ones meet zeros,
/// then the other way round: 63 * 128 = 8064 fits 16 bits.
template <Codes kCodes, int kLines, int kZero>
[[gnu::always_inline]] inline void fold_product(const CodeLines& lines, __m512i sc, uint8_t* low,
                                                uint8_t* high) {
  const __m512i scales = twice(sc);
  const __m512i even = _mm512_and_si512(scales, _mm512_set1_epi16(255));
  const __m512i odd = _mm512_slli_epi16(scales, 8);
  const __m512i of_zero = _mm512_mullo_epi16(scales, _mm512_set1_epi16(kZero));
  constexpr __mmask64 odd_bytes = 0xaaaaaaaaaaaaaaaaULL;
  unroll<kLines>([&](auto line) {
    const __m512i u = code_line<kCodes, line.value>(lines);
    const __m512i at_even = _mm512_sub_epi16(_mm512_maddubs_epi16(u, even), of_zero);
    const __m512i at_odd = _mm512_sub_epi16(_mm512_maddubs_epi16(u, odd), of_zero);
    _mm512_store_si512(low + line.value * kLineBytes,
                       _mm512_mask_blend_epi8(odd_bytes, at_even, _mm512_slli_epi16(at_odd, 8)));
    _mm512_store_si512(high + line.value * kLineBytes,
                       _mm512_mask_blend_epi8(odd_bytes, _mm512_srli_epi16(at_even, 8), at_odd));
  });
}

/// The panel block at `bytes`, 256 values. kZero is used by Fold::product only: the other codes have none.
template <Codes kCodes, int kUnit, Fold kFold, int kZero>
void fold_panel(const std::byte* bytes, FoldedPanel& panel) {
  constexpr int units = kBlockValues / kUnit;
  constexpr int lines_per_unit = kUnit / kLineValues;
  constexpr int unit_bytes = lines_per_unit * kLineBytes;
  constexpr int high_bytes = kCodes == Codes::nibble_1 ? 2 : kCodes == Codes::nibble_2 ? 4 : 0;
  const std::byte* scales = bytes + kBlockValues * (8 + high_bytes);
  for (int unit = 0; unit < units; ++unit) {
    const CodeLines lines = lines_from<kCodes>(bytes, kBlockValues, unit * kUnit);
    const __m512i sc = _mm512_cvtepi8_epi32(load_lanes(scales + unit * kPanelRows));
    const int tile = unit * unit_bytes / kTileBytes;
    const int in_tile = unit * unit_bytes % kTileBytes;
    uint8_t* low = panel.low[tile] + in_tile;
    uint8_t* high = panel.high[tile] + in_tile;
    if constexpr (kFold == Fold::scale) {
      fold_scale<kCodes, lines_per_unit>(lines, sc, low, high);
    } else {
      fold_product<kCodes, lines_per_unit, kZero>(lines, sc, low, high);
    }
  }
  const std::byte* numbers = scales + units * kPanelRows;
  if constexpr (kFold == Fold::scale) {
    for (int pair = 0; pair < units / 2; ++pair) {
      const __m512i first = _mm512_cvtepu8_epi32(load_lanes(numbers + 2 * pair * kPanelRows));
      const __m512i second = _mm512_cvtepu8_epi32(load_lanes(numbers + (2 * pair + 1) * kPanelRows));
      _mm512_store_si512(panel.minimum[pair], _mm512_or_si512(first, _mm512_slli_epi32(second, 16)));
    }
    numbers += units * kPanelRows;
    _mm512_store_ps(panel.offset,
                    _mm512_xor_ps(load_halves(numbers + 2 * kPanelRows), _mm512_set1_ps(-0.0F)));
  }
  _mm512_store_ps(panel.scale, load_halves(numbers));
}

}  // namespace kilter::cpu::amx
