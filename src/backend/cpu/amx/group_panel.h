// A panel block with float scales as AMX tiles: codes minus their zero as signed bytes, and the scales of the
// groups as f32.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "backend/cpu/amx/panel_lines.h"
#include "backend/cpu/amx/unroll.h"
#include "backend/cpu/panel_format.h"

namespace kilter::cpu::amx {

constexpr int kMaxGroups = 16;

/// 16 rows x up to 256 values.
struct GroupPanel {
  alignas(64) int8_t lines[64][kLineBytes];  ///< tiles: any run of lines
  alignas(64) float scale[kMaxGroups][kPanelRows];
  alignas(64) float offset[kMaxGroups][kPanelRows];
  int64_t groups = 0;
};

template <Codes kCodes>
void open_lines(const std::byte* bytes, int64_t n, int zero, GroupPanel& panel) {
  const __m512i zeros = _mm512_set1_epi8(static_cast<char>(zero));
  for (int64_t first = 0; first < n; first += 32) {
    const CodeLines lines = lines_from<kCodes>(bytes, n, first);
    int8_t* to = panel.lines[first / kLineValues];
    unroll<8>([&](auto line) {
      const __m512i q = _mm512_sub_epi8(code_line<kCodes, line.value>(lines), zeros);
      _mm512_store_si512(to + line.value * kLineBytes, q);
    });
  }
}

/// Returns what follows the numbers.
inline const std::byte* open_numbers(const std::byte* bytes, Scales kind, int64_t groups,
                                     float (*to)[kPanelRows]) {
  for (int64_t group = 0; group < groups; ++group) {
    if (kind == Scales::f16) {
      const auto* halves = reinterpret_cast<const __m256i*>(bytes + group * kPanelRows * 2);
      _mm512_store_ps(to[group], _mm512_cvtph_ps(_mm256_loadu_si256(halves)));
    } else {
      _mm512_store_ps(to[group], _mm512_loadu_ps(bytes + group * kPanelRows * 4));
    }
  }
  return bytes + groups * kPanelRows * (kind == Scales::f16 ? 2 : 4);
}

/// The panel block at `bytes`, n values.
template <Codes kCodes>
void open_panel(const std::byte* bytes, int64_t n, const PanelFormat& format, GroupPanel& panel) {
  constexpr int64_t bytes_per_value = kCodes == Codes::byte       ? 16
                                      : kCodes == Codes::nibble_1 ? 10
                                      : kCodes == Codes::nibble_2 ? 12
                                                                  : 8;
  open_lines<kCodes>(bytes, n, format.zero, panel);
  panel.groups = n / format.group;
  const std::byte* offsets =
      open_numbers(bytes + n * bytes_per_value, format.scales, panel.groups, panel.scale);
  if (format.has_offset) open_numbers(offsets, format.scales, panel.groups, panel.offset);
}

}  // namespace kilter::cpu::amx
