// Codes of a panel as vectors: one line (16 rows x 4 values) a register, a code a byte.
#pragma once

#include <immintrin.h>

#include <cstddef>

#include "backend/cpu/panel_format.h"

namespace kilter::cpu::amx {

/// Where the codes of some lines lie: the low bits and the rest of the bits.
struct CodeLines {
  const std::byte* low;
  const std::byte* high;
};

/// Line kLine behind `lines`, which start at a byte of their own in both fields. The shifts are of 16 bits
/// (there are none of 8); the mask removes what comes over from the neighbour.
template <Codes kCodes, int kLine>
[[gnu::always_inline]] inline __m512i code_line(const CodeLines& lines) {
  if constexpr (kCodes == Codes::byte) {
    return _mm512_loadu_si512(lines.low + kLine * kLineBytes);
  } else {
    __m512i code = _mm512_loadu_si512(lines.low + kLine / 2 * kLineBytes);
    if constexpr (kLine % 2 == 1) code = _mm512_srli_epi16(code, 4);
    code = _mm512_and_si512(code, _mm512_set1_epi8(15));
    if constexpr (kCodes == Codes::nibble) return code;
    constexpr int per_byte = kCodes == Codes::nibble_1 ? 8 : 4;
    constexpr int up = 4 - kLine % per_byte * (8 / per_byte);  // from its place to bit 4
    __m512i high = _mm512_loadu_si512(lines.high + kLine / per_byte * kLineBytes);
    if constexpr (up > 0) high = _mm512_slli_epi16(high, up);
    if constexpr (up < 0) high = _mm512_srli_epi16(high, -up);
    high = _mm512_and_si512(high, _mm512_set1_epi8(kCodes == Codes::nibble_1 ? 0x10 : 0x30));
    return _mm512_or_si512(code, high);
  }
}

/// The lines from value `first` of a panel block of n values on; `first` is a multiple of 32, or of 16 where
/// no byte of `high` is cut by that.
template <Codes kCodes>
[[gnu::always_inline]] inline CodeLines lines_from(const std::byte* codes, int64_t n, int64_t first) {
  if constexpr (kCodes == Codes::byte) return {codes + first * 16, nullptr};
  constexpr int64_t high_bytes = kCodes == Codes::nibble_1 ? 2 : kCodes == Codes::nibble_2 ? 4 : 0;
  return {codes + first * 8, codes + n * 8 + first * high_bytes};
}

}  // namespace kilter::cpu::amx
