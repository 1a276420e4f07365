// One row of activations: every weight is used once, so the time is that of reading it from memory, and
// everything else has to hide behind that. Nothing is staged: a line is loaded, taken apart in registers and
// multiplied while the next ones are on their way, one panel after the other in the order of memory. So the
// processor's window of instructions spans several lines at any time, and its loads never pause.
//
// The row has 1 to 3 columns (planes). A vpdpbusd takes the stored code u without sign:
//   sum q * p = sum u * p - zero * sum p
#include "backend/cpu/avx512/integer_matmul_row.h"

#include "backend/cpu/avx512/integer_matmul_codes.h"

namespace kilter::cpu::avx512 {
namespace {

// Bytes between what is multiplied and what is asked for: the machine's own prefetching stops at every page.
constexpr int64_t kAhead = 4096;

// One block of one panel.
struct RowBlock {
  const std::byte* panel;
  const PanelFormat* format;
  int64_t n;             // values in the block
  const int8_t* digits;  // [plane][256]
  const int16_t* sums;   // [plane][16]
};

// s[plane] of the lines that are added: sum u * p.
template <int planes>
struct Dots {
  __m512i s[size_t{planes}];

  [[gnu::always_inline]] void clear() {
    unroll<planes>([&](auto p) __attribute__((always_inline)) { s[p] = _mm512_setzero_si512(); });
  }
  [[gnu::always_inline]] void add(__m512i codes, const int8_t* digits) {
    unroll<planes>([&](auto p) __attribute__((always_inline)) {
      s[p] = _mm512_dpbusd_epi32(s[p], codes, broadcast32(digits + p * kBlockValues));
    });
  }
};

[[gnu::always_inline]] inline __m512i low_bytes(const std::byte* from) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
[[gnu::always_inline]] inline __m512i signed_bytes(const std::byte* from) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
[[gnu::always_inline]] inline __m512 f16_lanes(const std::byte* from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}
template <Codes codes>
[[gnu::always_inline]] inline void ask_ahead(const std::byte* panel, int64_t line) {
  for (int i = 0; i < kEighthBytes<codes>; i += 64) {
    _mm_prefetch(panel + kAhead + line / 8 * kEighthBytes<codes> + i, _MM_HINT_T0);
  }
}

// Q2_K to Q6_K: S = sum of sc * s over units of 16 or 32 values. |s| <= 63 * 128 * 32 needs more than 16
// bits, so the scale is multiplied as 32-bit lanes: dearer than in the tiles, and hidden.
template <Codes codes, int unit, bool minimums, int planes>
__m512 superblock_row(const RowBlock& b) {
  constexpr int units = kBlockValues / unit;
  constexpr int unit_lines = unit / kLineValues;
  const std::byte* scales = b.panel + b.format->code_bytes(kBlockValues);
  const std::byte* mins = scales + units * kPanelRows;
  const std::byte* numbers = mins + (minimums ? units * kPanelRows : 0);
  // Sums of the units' digits, two to a broadcast.
  alignas(32) int16_t unit_sums[size_t{planes}][16];
  unroll<planes>([&](auto p) __attribute__((always_inline)) {
    __m256i s = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b.sums + p * 16));
    if constexpr (unit == 32) {
      s = _mm256_madd_epi16(s, _mm256_set1_epi16(1));
      s = _mm256_castsi128_si256(_mm256_cvtepi32_epi16(s));
    }
    _mm256_store_si256(reinterpret_cast<__m256i*>(unit_sums[p]), s);
  });

  Dots<planes> dots;
  __m512i sum[size_t{planes}];       // S
  __m512i weighted[size_t{planes}];  // T, or sum of sc * (sum of digits) where codes have a zero
  unroll<planes>([&](auto p) __attribute__((always_inline)) {
    sum[p] = _mm512_setzero_si512();
    weighted[p] = _mm512_setzero_si512();
  });
  for (int64_t line = 0; line < kBlockValues / kLineValues; line += 8) {
    ask_ahead<codes>(b.panel, line);
    unpack_eight<codes>(
        b.panel, kBlockValues, line, [&](auto i, __m512i u) __attribute__((always_inline)) {
          if constexpr (i % unit_lines == 0) dots.clear();
          dots.add(u, b.digits + (line + i) * kLineValues);
          if constexpr (i % unit_lines == unit_lines - 1) {
            const __m512i sc = signed_bytes(scales + (line + i) / unit_lines * kPanelRows);
            unroll<planes>([&](auto p) __attribute__((always_inline)) {
              sum[p] = _mm512_add_epi32(sum[p], _mm512_mullo_epi32(dots.s[p], sc));
            });
          }
        });
  }
  for (int u = 0; u < units; u += 2) {
    const std::byte* from = (minimums ? mins : scales) + u * kPanelRows;
    const __m512i low = minimums ? low_bytes(from) : signed_bytes(from);
    const __m512i high = minimums ? low_bytes(from + kPanelRows) : signed_bytes(from + kPanelRows);
    const __m512i pair = _mm512_mask_blend_epi16(0xAAAAAAAA, low, _mm512_slli_epi32(high, 16));
    unroll<planes>([&](auto p) __attribute__((always_inline)) {
      weighted[p] = _mm512_dpwssd_epi32(weighted[p], pair, broadcast32(&unit_sums[p][u]));
    });
  }
  __m512 x = _mm512_setzero_ps();
  if constexpr (minimums) {
    const __m512 dmin = f16_lanes(numbers + 2 * kPanelRows);
    x = _mm512_fnmadd_ps(dmin, joined<planes>(weighted), x);
  } else {
    const __m512i zero = _mm512_set1_epi32(b.format->zero);
    unroll<planes>([&](auto p) __attribute__((always_inline)) {
      sum[p] = _mm512_sub_epi32(sum[p], _mm512_mullo_epi32(weighted[p], zero));
    });
  }
  return _mm512_fmadd_ps(f16_lanes(numbers), joined<planes>(sum), x);
}

// Scales and offsets of groups, as they are read one after the other.
struct GroupNumbers {
  const std::byte* at;
  bool f16;
  [[gnu::always_inline]] __m512 next() {
    const std::byte* from = at;
    at += kPanelRows * (f16 ? 2 : 4);
    return f16 ? f16_lanes(from) : _mm512_loadu_ps(from);
  }
};

// Groups of 32, as most of these formats have: offsets are theirs only. `lines` a group: 4, 8, or more by
// eights.
template <Codes codes, int planes>
__m512 groups_row(const RowBlock& b) {
  const PanelFormat& format = *b.format;
  const int64_t group_lines = format.group / kLineValues;
  const int64_t groups = b.n / format.group;
  const bool f16 = format.scales == Scales::f16;
  GroupNumbers scales{b.panel + format.code_bytes(b.n), f16};
  GroupNumbers offsets{scales.at + groups * kPanelRows * (f16 ? 2 : 4), f16};
  Dots<planes> dots;
  __m512 x = _mm512_setzero_ps();
  // x takes the group that ends behind line `end`, whose digits have these sums.
  const auto close_group = [&](int64_t end) __attribute__((always_inline)) {
    __m512i sum[size_t{planes}];
    unroll<planes>([&](auto p) __attribute__((always_inline)) {
      int32_t whole = 0;
      for (int64_t i = (end - group_lines) / 4; i < end / 4; ++i) whole += b.sums[p * 16 + i];
      sum[p] = _mm512_set1_epi32(whole);
    });
    if (format.has_offset) x = _mm512_fmadd_ps(offsets.next(), joined<planes>(sum), x);
    const __m512i zero = _mm512_set1_epi32(format.zero);
    unroll<planes>([&](auto p) __attribute__((always_inline)) {
      dots.s[p] = _mm512_sub_epi32(dots.s[p], _mm512_mullo_epi32(sum[p], zero));
    });
    x = _mm512_fmadd_ps(scales.next(), joined<planes>(dots.s), x);
    dots.clear();
  };
  dots.clear();
  for (int64_t line = 0; line < b.n / kLineValues; line += 8) {
    ask_ahead<codes>(b.panel, line);
    unpack_eight<codes>(
        b.panel, b.n, line, [&](auto i, __m512i u) __attribute__((always_inline)) {
          dots.add(u, b.digits + (line + i) * kLineValues);
          if constexpr (i == 3) {
            if (group_lines == 4) close_group(line + 4);
          }
        });
    if ((line + 8) % group_lines == 0) close_group(line + 8);
  }
  return x;
}

using RowKernel = __m512 (*)(const RowBlock& block);

template <int planes>
RowKernel kernel_of(const PanelFormat& format) {
  if (format.scales == Scales::integer) {
    if (format.codes == Codes::nibble_1) return superblock_row<Codes::nibble_1, 32, true, planes>;
    if (format.codes == Codes::nibble_2) return superblock_row<Codes::nibble_2, 16, false, planes>;
    if (format.unit == 32) return superblock_row<Codes::nibble, 32, true, planes>;
    if (format.has_offset) return superblock_row<Codes::nibble, 16, true, planes>;
    return superblock_row<Codes::nibble, 16, false, planes>;
  }
  if (format.codes == Codes::nibble) return groups_row<Codes::nibble, planes>;
  if (format.codes == Codes::nibble_1) return groups_row<Codes::nibble_1, planes>;
  return groups_row<Codes::byte, planes>;
}

}  // namespace

void integer_matmul_row(const MatmulJob& job) {
  const QuantisedRows& x = *job.x;
  const PackedWeight& w = *job.w;
  const RowKernel multiply = x.planes == 1   ? kernel_of<1>(w.format)
                             : x.planes == 2 ? kernel_of<2>(w.format)
                                             : kernel_of<3>(w.format);
  RowBlock block{
      .panel = w.panel(job.panel_begin), .format = &w.format, .n = 0, .digits = nullptr, .sums = nullptr};
  for (int64_t panel = job.panel_begin; panel < job.panel_end; ++panel) {
    __m512 acc = _mm512_setzero_ps();
    for (int64_t i = 0; i < w.blocks(); ++i) {
      const int64_t left = w.cols - i * kBlockValues;
      block.n = left < kBlockValues ? left : kBlockValues;
      block.digits = x.digits + x.column(i, 0) * kBlockValues;
      block.sums = x.sums + x.column(i, 0) * 16;
      acc = _mm512_fmadd_ps(_mm512_set1_ps(x.scale[i]), multiply(block), acc);
      block.panel += w.format.block_bytes(block.n);
    }
    const int64_t rows = w.rows - panel * kPanelRows;
    const auto mask = static_cast<__mmask16>(rows >= kPanelRows ? 0xFFFF : (1 << rows) - 1);
    _mm512_mask_storeu_ps(job.y + panel * kPanelRows, mask, acc);
  }
}

}  // namespace kilter::cpu::avx512
