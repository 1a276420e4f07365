// The codes of a panel block as bytes, line by line: the unsigned operand of vpdpbusd.
#pragma once

#include "backend/cpu/avx512/integer_matmul_lanes.h"
#include "backend/cpu/panel_format.h"

namespace kilter::cpu::avx512 {
namespace {

/// Calls store(i, codes) for the eight lines from `line` on, i from 0: Index<i>, so that what is done with a
/// line may depend on it at compile time. Field widths and places: panel_format.h. `from` and n are the
/// block's.
template <Codes kind, class Store>
[[gnu::always_inline]] inline void unpack_eight(const std::byte* from, int64_t n, int64_t line,
                                                const Store& store) {
  const __m512i low_mask = _mm512_set1_epi8(15);
  const std::byte* high_from = from + 8 * n;
  __m512i high[2];
  if constexpr (kind == Codes::nibble_1) high[0] = load512(high_from + line / 8 * kLineBytes);
  if constexpr (kind == Codes::nibble_2) {
    high[0] = load512(high_from + line / 4 * kLineBytes);
    high[1] = load512(high_from + line / 4 * kLineBytes + kLineBytes);
  }
  unroll<8>([&](auto i) __attribute__((always_inline)) {
    if constexpr (kind == Codes::byte) {
      store(i, load512(from + (line + i) * kLineBytes));
      return;
    }
    __m512i x = load512(from + (line / 2 + i / 2) * kLineBytes);
    if constexpr (i % 2 == 1) x = _mm512_srli_epi16(x, 4);
    // A shift of 16-bit lanes moves the wanted bits inside their byte; what crosses over is masked away.
    if constexpr (kind == Codes::nibble) {
      x = _mm512_and_si512(x, low_mask);
    } else {
      constexpr int bits = kind == Codes::nibble_1 ? 1 : 2;
      constexpr int place = i % (8 / bits) * bits;
      __m512i h = high[bits == 1 ? 0 : i / 4];
      if constexpr (place < 4) h = _mm512_slli_epi16(h, 4 - place);
      if constexpr (place > 4) h = _mm512_srli_epi16(h, place - 4);
      // 0xCA: the low nibble from x, the rest from h.
      x = _mm512_ternarylogic_epi32(low_mask, x, h, 0xCA);
      x = _mm512_and_si512(x, _mm512_set1_epi8(bits == 1 ? 31 : 63));
    }
    store(i, x);
  });
}

/// An eighth of a block of 256 values with its scales, rounded up to lines.
template <Codes kind>
constexpr int kEighthBytes = kind == Codes::nibble     ? 320
                             : kind == Codes::nibble_1 ? 384
                             : kind == Codes::nibble_2 ? 448
                                                       : 576;

/// Calls store(line, codes) for every line of the block, ascending, eight lines a turn (n is a multiple of
/// 32). Meanwhile the block at `next` is asked for, scales included: the machine's own prefetching loses the
/// stream at the end of every page.
template <Codes kind, class Store>
[[gnu::always_inline]] inline void unpack_codes(const std::byte* from, int64_t n, const std::byte* next,
                                                const Store& store) {
  constexpr int bytes = kEighthBytes<kind>;
  for (int64_t line = 0; line < n / kLineValues; line += 8) {
    for (int i = 0; i < bytes; i += 64) _mm_prefetch(next + line / 8 * bytes + i, _MM_HINT_T0);
    unpack_eight<kind>(
        from, n, line, [&](auto i, __m512i u) __attribute__((always_inline)) { store(line + i, u); });
  }
}

}  // namespace
}  // namespace kilter::cpu::avx512
