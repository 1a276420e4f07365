// A panel block taken apart into what the tiles of matmul_tile.h read. Every column of the activations uses
// it, so it lies in L1: at most 8 KiB of codes and 4 KiB of scales.
#pragma once

#include <immintrin.h>

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::avx2 {

constexpr int64_t kHalfRows = 8;  // rows of one vector: half a panel
constexpr int64_t kMaxGroups = 16;

/// Everything is per row: [..][16 rows] is two vectors. `Dot` is what multiplies: integer_matmul.cc.
template <typename Dot>
struct OpenBlock {
  /// Of the codes, where they are not read in place.
  alignas(64) std::byte room[kBlockValues * kPanelRows * Dot::kDigitBytes];
  alignas(64) int32_t unit_scale[kMaxGroups][kPanelRows];      ///< operands of Dot::scaled
  alignas(64) int32_t sum_factor[kMaxGroups / 2][kPanelRows];  ///< two i16 a lane, for two sums of digits
  alignas(64) float scale[kMaxGroups][kPanelRows];             ///< per group; d of integer scales
  alignas(64) float offset[kMaxGroups][kPanelRows];            ///< per group; -dmin of integer scales
  const std::byte* codes = nullptr;                            ///< lines of 64 bytes
  int64_t lines = 0;
  int64_t sum_pairs = 0;    ///< of sum_factor: half the units
  int64_t unit_lines = 0;   ///< lines with one integer scale
  int64_t group_lines = 0;  ///< lines with one float scale
};

// Internal linkage: the linker must not give one instruction set the copy of another.
namespace {

inline __m256i load(const void* from) { return _mm256_load_si256(static_cast<const __m256i*>(from)); }
inline void store(void* to, __m256i value) { _mm256_store_si256(static_cast<__m256i*>(to), value); }
inline __m128i load_rows(const std::byte* from) {
  return _mm_load_si128(reinterpret_cast<const __m128i*>(from));
}

// Panels are read from one end to the other: codes to come are fetched while these are taken apart, because
// the hardware's own prefetch stops at every page. Farther ahead was no faster (one token of Q4_K, Q6_K,
// Q8_0).
constexpr int64_t kFetchDistance = 4096;

inline void fetch_ahead(const std::byte* line) {
  _mm_prefetch(reinterpret_cast<const char*>(line + kFetchDistance), _MM_HINT_T0);
}

// Codes of 4, 5 and 6 bits to bytes, half a line (8 rows) at a time.
template <Codes kCodes>
inline void open_half_lines(const std::byte* low, int64_t n, std::byte* to) {
  constexpr int kHighBits = kCodes == Codes::nibble_1 ? 1 : kCodes == Codes::nibble_2 ? 2 : 0;
  constexpr int64_t kHighLines = kHighBits == 0 ? 2 : 8 / kHighBits;  // that share a byte of upper bits
  const std::byte* high = low + 8 * n;
  const __m256i low_mask = _mm256_set1_epi8(15);
  const __m256i high_mask = _mm256_set1_epi8(static_cast<char>(((1 << kHighBits) - 1) << 4));
  for (int64_t line = 0; line < n / kLineValues; line += kHighLines) {
    for (int64_t half = 0; half < kLineBytes; half += 32) {
      [[maybe_unused]] __m256i upper{};
      if constexpr (kHighBits > 0) upper = load(high + line / kHighLines * kLineBytes + half);
      for (int64_t i = 0; i < kHighLines; i += 2) {
        const __m256i pair = load(low + (line + i) / 2 * kLineBytes + half);
        __m256i first = _mm256_and_si256(pair, low_mask);
        __m256i second = _mm256_and_si256(_mm256_srli_epi16(pair, 4), low_mask);
        if constexpr (kHighBits > 0) {
          // The lowest bits of each byte to bit 4. What the shifts carry over from the neighbour byte never
          // reaches the bits that are kept.
          first = _mm256_or_si256(first, _mm256_and_si256(_mm256_slli_epi16(upper, 4), high_mask));
          upper = _mm256_srli_epi16(upper, kHighBits);
          second = _mm256_or_si256(second, _mm256_and_si256(_mm256_slli_epi16(upper, 4), high_mask));
          upper = _mm256_srli_epi16(upper, kHighBits);
        }
        store(to + (line + i) * kLineBytes + half, first);
        store(to + (line + i + 1) * kLineBytes + half, second);
      }
    }
    for (int64_t i = 0; i < kHighLines; i += 2) fetch_ahead(low + (line + i) / 2 * kLineBytes);
    if constexpr (kHighBits > 0) fetch_ahead(high + line / kHighLines * kLineBytes);
  }
}

// Bytes [16 rows][4 k] to signed numbers of 16 bits, as two lines [16 rows][2 k]: k 0 and 2, then 1 and 3,
// which takes shifts only. The digits are widened alike.
inline void widen_codes(const std::byte* bytes, int64_t n, std::byte* to) {
  const __m256i sign = _mm256_set1_epi8(-128);
  for (int64_t line = 0; line < n / kLineValues; ++line) {
    for (int64_t half = 0; half < kLineBytes; half += 32) {
      const __m256i q = _mm256_xor_si256(load(bytes + line * kLineBytes + half), sign);
      store(to + 2 * line * kLineBytes + half, _mm256_srai_epi16(_mm256_slli_epi16(q, 8), 8));
      store(to + (2 * line + 1) * kLineBytes + half, _mm256_srai_epi16(q, 8));
    }
    fetch_ahead(bytes + line * kLineBytes);
  }
}

template <typename Dot>
inline void open_codes(const std::byte* bytes, const PanelFormat& format, int64_t n, OpenBlock<Dot>& open) {
  open.codes = open.room;
  if constexpr (Dot::kSigned) {
    widen_codes(bytes, n, open.room);
  } else if (format.codes == Codes::byte) {
    open.codes = bytes;
    for (int64_t line = 0; line < n / kLineValues; ++line) fetch_ahead(bytes + line * kLineBytes);
  } else if (format.codes == Codes::nibble_2) {
    open_half_lines<Codes::nibble_2>(bytes, n, open.room);
  } else if (format.codes == Codes::nibble_1) {
    open_half_lines<Codes::nibble_1>(bytes, n, open.room);
  } else {
    open_half_lines<Codes::nibble>(bytes, n, open.room);
  }
}

// Scale of two neighbouring units, a pair of i16 a row, times -zero: what the sums of the digits are
// multiplied with to take the zero out of the codes. At most 32 * 128 = 4096.
inline void open_pair(__m256i bytes, __m256i low_factor, int32_t* to) {
  store(to, _mm256_mullo_epi16(_mm256_cvtepi8_epi16(_mm256_castsi256_si128(bytes)), low_factor));
  store(to + kHalfRows,
        _mm256_mullo_epi16(_mm256_cvtepi8_epi16(_mm256_extracti128_si256(bytes, 1)), low_factor));
}

inline __m256i rows_interleaved(__m128i a, __m128i b) {
  return _mm256_set_m128i(_mm_unpackhi_epi8(a, b), _mm_unpacklo_epi8(a, b));
}

// i8 scales [units][16], and u8 minimums alike. Minimums are 6 bits or fewer: signed and unsigned agree.
template <typename Dot>
inline void open_units(const std::byte* bytes, const PanelFormat& format, int64_t units,
                       OpenBlock<Dot>& open) {
  const std::byte* factors = format.has_offset ? bytes + units * kPanelRows : bytes;
  const __m256i times = _mm256_set1_epi16(static_cast<int16_t>(format.has_offset ? 1 : -format.zero));
  for (int64_t u = 0; u < units; u += 2) {
    for (int64_t v = u; v < u + 2; ++v) {
      const __m128i scale = load_rows(bytes + v * kPanelRows);
      store(open.unit_scale[v], Dot::scale_operand(scale));
      store(open.unit_scale[v] + kHalfRows, Dot::scale_operand(_mm_srli_si128(scale, 8)));
    }
    open_pair(
        rows_interleaved(load_rows(factors + u * kPanelRows), load_rows(factors + (u + 1) * kPanelRows)),
        times, open.sum_factor[u / 2]);
  }
}

// Numbers [groups][16], f16 or f32.
inline void open_numbers(const std::byte* bytes, bool f16, int64_t groups, float (*to)[kPanelRows]) {
  for (int64_t i = 0; i < groups * 2; ++i) {
    const __m256 numbers = f16 ? _mm256_cvtph_ps(load_rows(bytes + i * 16))
                               : _mm256_load_ps(reinterpret_cast<const float*>(bytes + i * 32));
    _mm256_store_ps(to[i / 2] + i % 2 * kHalfRows, numbers);
  }
}

}  // namespace

/// The block of n values that starts at `bytes`.
template <typename Dot>
void open_block(const std::byte* bytes, const PanelFormat& format, int64_t n, OpenBlock<Dot>& open) {
  const bool integer = format.scales == Scales::integer;
  open_codes(bytes, format, n, open);
  bytes += format.code_bytes(n);
  if constexpr (!Dot::kSigned) {
    if (integer) {
      const int64_t units = n / format.unit;
      open_units(bytes, format, units, open);
      bytes += units * kPanelRows * (format.has_offset ? 2 : 1);
    }
  }
  const bool f16 = format.scales != Scales::f32;
  const int64_t groups = integer ? 1 : n / format.group;
  open_numbers(bytes, f16, groups, open.scale);
  if (format.has_offset) {
    open_numbers(bytes + groups * kPanelRows * (f16 ? 2 : 4), f16, groups, open.offset);
  }
  if (integer && format.has_offset) {
    for (float& offset : open.offset[0]) offset = -offset;
  }
  constexpr int64_t kValues = kLineValues / Dot::kDigitBytes;  // of k in an open line
  open.lines = n / kValues;
  open.sum_pairs = n / format.unit / 2;
  open.unit_lines = format.unit / kValues;
  open.group_lines = format.group / kValues;
}

}  // namespace kilter::cpu::avx2
