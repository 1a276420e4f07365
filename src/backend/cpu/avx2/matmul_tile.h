// One panel block times up to six columns of digits (a column is one plane of one token): 16 rows are two
// vectors of lanes, so six columns make twelve sums; with two vectors of codes, one of digits and one free
// they fill the 16 registers. Twelve independent sums also hide the 5 cycles of vpdpbusd at two a cycle.
// A digit operand is four digits of one column, broadcast by the load itself: loads have a free port.
#pragma once

#include <immintrin.h>

#include "backend/cpu/avx2/open_block.h"

namespace kilter::cpu::avx2 {

constexpr int64_t kTileColumns = 6;  // whole tokens of one, two and three planes

/// Some whole tokens' share of one block.
struct Tile {
  const std::byte* digits = nullptr;  ///< [column][256]
  const int16_t* sums = nullptr;      ///< [column][16]
  const float* scale = nullptr;       ///< [token]
  float* acc = nullptr;               ///< [token][16]
  int64_t planes = 1;
};

namespace {

/// [column][16 rows] exact integers.
struct ColumnSums {
  alignas(64) int32_t of[kTileColumns][kPanelRows];
};

/// Two vectors of row sums a column.
template <int kColumns>
using Registers = __m256i[size_t{kColumns}][2];

inline __m256i broadcast(const void* four_bytes) {
  return _mm256_castps_si256(_mm256_broadcast_ss(static_cast<const float*>(four_bytes)));
}

// Lines [line, line + lines) of all columns; an even number of them.
template <typename Dot, int kColumns>
[[gnu::always_inline]] inline void add_lines(const std::byte* codes, const std::byte* digits, int64_t lines,
                                             Registers<kColumns>& sum) {
  constexpr int64_t kStride = kBlockValues * Dot::kDigitBytes;
  for (int64_t i = 0; i < lines; ++i) {
    const __m256i upper = load(codes + i * kLineBytes);
    const __m256i lower = load(codes + i * kLineBytes + 32);
    for (int c = 0; c < kColumns; ++c) {
      const __m256i digit = broadcast(digits + c * kStride + i * 4);
      sum[c][0] = Dot::step(sum[c][0], upper, digit);
      sum[c][1] = Dot::step(sum[c][1], lower, digit);
    }
  }
}

// S of the integer scales: adds the scaled sums of all units to `s`, which stays in memory (L1), because the
// registers are taken.
template <typename Dot, int kColumns>
inline void add_units(const OpenBlock<Dot>& w, const std::byte* digits, ColumnSums& s) {
  for (int64_t line = 0; line < w.lines; line += w.lines_at_once) {
    Registers<kColumns> sum = {};
    add_lines<Dot, kColumns>(w.codes + line * kLineBytes, digits + line * 4, w.lines_at_once, sum);
    const int32_t* scale = w.unit_scale[line / w.unit_lines];
    for (int c = 0; c < kColumns; ++c) {
      for (int half = 0; half < 2; ++half) {
        int32_t* to = s.of[c] + half * kHalfRows;
        const __m256i scaled = Dot::scaled(sum[c][half], load(scale + half * kHalfRows));
        store(to, _mm256_add_epi32(load(to), scaled));
      }
    }
  }
}

// S of one group that has a float scale.
template <typename Dot, int kColumns>
inline void sum_group(const OpenBlock<Dot>& w, int64_t first, const std::byte* digits, ColumnSums& s) {
  for (int64_t line = first; line < first + w.group_lines; line += w.lines_at_once) {
    Registers<kColumns> sum = {};
    add_lines<Dot, kColumns>(w.codes + line * kLineBytes, digits + line * 4, w.lines_at_once, sum);
    for (int c = 0; c < kColumns; ++c) {
      for (int half = 0; half < 2; ++half) {
        int32_t* to = s.of[c] + half * kHalfRows;
        const __m256i whole = Dot::whole(sum[c][half]);
        store(to, line == first ? whole : _mm256_add_epi32(load(to), whole));
      }
    }
  }
}

// The sums of a token's planes, for eight rows, as f32.
inline __m256 joined(const int32_t* plane, int64_t stride, int64_t planes) {
  __m256 joined = _mm256_cvtepi32_ps(load(plane));
  if (planes >= 2) {
    const __m256 second = _mm256_cvtepi32_ps(load(plane + stride));
    joined = _mm256_fmadd_ps(_mm256_set1_ps(256.0F), second, joined);
  }
  if (planes == 3) {
    const __m256 third = _mm256_cvtepi32_ps(load(plane + 2 * stride));
    joined = _mm256_fmadd_ps(_mm256_set1_ps(65536.0F), third, joined);
  }
  return joined;
}

// acc = fma(activation scale, x, acc) for eight rows of a token.
inline void add_block(const Tile& tile, int64_t token, int half, __m256 x) {
  float* to = tile.acc + token * kPanelRows + half * kHalfRows;
  _mm256_store_ps(to, _mm256_fmadd_ps(_mm256_broadcast_ss(tile.scale + token), x, _mm256_load_ps(to)));
}

// Sums of 32 neighbouring digits as i16, from those of 16: at most 4096.
inline void pair_sums(const int16_t* sums, int16_t* to) {
  const __m256i whole =
      _mm256_madd_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums)), _mm256_set1_epi16(1));
  const __m128i narrow = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  _mm_store_si128(reinterpret_cast<__m128i*>(to), narrow);
}

// Sum over the units of factor * sum of digits, for all columns: T, or what the zero takes from S. Two units
// a pmaddwd: 2 * 4096 * 4096 = 33.5 M at most, 16 units of Q6_K 134 M.
template <typename Dot, int kColumns>
inline void multiply_sums(const OpenBlock<Dot>& w, const Tile& tile, ColumnSums& to) {
  const bool paired = w.unit_lines == 32 / kLineValues;
  for (int c = 0; c < kColumns; ++c) {
    alignas(32) int16_t narrow[16];
    const int16_t* sums = tile.sums + c * 16;
    if (paired) {
      pair_sums(sums, narrow);
      sums = narrow;
    }
    __m256i upper = _mm256_setzero_si256();
    __m256i lower = upper;
    for (int64_t pair = 0; pair < w.lines / w.unit_lines / 2; ++pair) {
      const __m256i two = broadcast(sums + 2 * pair);
      upper = _mm256_add_epi32(upper, _mm256_madd_epi16(load(w.sum_factor[pair]), two));
      lower = _mm256_add_epi32(lower, _mm256_madd_epi16(load(w.sum_factor[pair] + kHalfRows), two));
    }
    store(to.of[c], upper);
    store(to.of[c] + kHalfRows, lower);
  }
}

}  // namespace

/// A block with integer scales: one float group.
struct UnitTile {
  template <typename Dot, int kColumns>
  static void multiply(const OpenBlock<Dot>& w, const PanelFormat& format, const Tile& tile) {
    ColumnSums s;
    ColumnSums t;
    if (format.has_offset) {
      multiply_sums<Dot, kColumns>(w, tile, t);
      for (int c = 0; c < kColumns; ++c) {
        store(s.of[c], _mm256_setzero_si256());
        store(s.of[c] + kHalfRows, _mm256_setzero_si256());
      }
    } else {
      multiply_sums<Dot, kColumns>(w, tile, s);  // the zero is no part of the codes: taken out first
    }
    add_units<Dot, kColumns>(w, tile.digits, s);
    for (int64_t token = 0; token * tile.planes < kColumns; ++token) {
      for (int half = 0; half < 2; ++half) {
        const int64_t rows = half * kHalfRows;
        __m256 x = _mm256_setzero_ps();
        if (format.has_offset) {
          const __m256 f = joined(t.of[token * tile.planes] + rows, kPanelRows, tile.planes);
          x = _mm256_fmadd_ps(_mm256_load_ps(w.offset[0] + rows), f, x);
        }
        const __m256 f = joined(s.of[token * tile.planes] + rows, kPanelRows, tile.planes);
        add_block(tile, token, half, _mm256_fmadd_ps(_mm256_load_ps(w.scale[0] + rows), f, x));
      }
    }
  }
};

namespace {

/// Sums of the digits of each group: all rows share them.
struct GroupSums {
  alignas(64) int32_t column[kTileColumns][kMaxGroups];
  alignas(64) float token[kTileColumns][kMaxGroups];  ///< the planes joined: f(T)
};

template <int kColumns>
inline void sum_digits(const PanelFormat& format, const Tile& tile, GroupSums& to) {
  for (int c = 0; c < kColumns; ++c) {
    const __m256i sixteens = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(tile.sums + c * 16));
    int32_t* sums = to.column[c];
    if (format.group == 16) {
      store(sums, _mm256_cvtepi16_epi32(_mm256_castsi256_si128(sixteens)));
      store(sums + 8, _mm256_cvtepi16_epi32(_mm256_extracti128_si256(sixteens, 1)));
      continue;
    }
    store(sums, _mm256_madd_epi16(sixteens, _mm256_set1_epi16(1)));
    store(sums + 8, _mm256_setzero_si256());
    for (int64_t width = 32; width < format.group; width *= 2) {
      for (int64_t g = 0; g < kBlockValues / 2 / width; ++g) sums[g] = sums[2 * g] + sums[2 * g + 1];
    }
  }
}

}  // namespace

/// A block with a float scale for every group of 16 to 256 values.
struct GroupTile {
  template <typename Dot, int kColumns>
  static void multiply(const OpenBlock<Dot>& w, const PanelFormat& format, const Tile& tile) {
    GroupSums sums;
    const bool has_zero = !Dot::kSigned && format.zero != 0;
    if (has_zero || format.has_offset) sum_digits<kColumns>(format, tile, sums);
    if (format.has_offset) {
      for (int64_t token = 0; token * tile.planes < kColumns; ++token) {
        const int32_t* column = sums.column[token * tile.planes];
        _mm256_store_ps(sums.token[token], joined(column, kMaxGroups, tile.planes));
        _mm256_store_ps(sums.token[token] + 8, joined(column + 8, kMaxGroups, tile.planes));
      }
    }
    ColumnSums s;
    alignas(64) float x[kTileColumns][kPanelRows] = {};
    int64_t group = 0;
    for (int64_t line = 0; line < w.lines; line += w.group_lines, ++group) {
      sum_group<Dot, kColumns>(w, line, tile.digits, s);
      if (has_zero) take_zero_out<kColumns>(format.zero, sums, group, s);
      for (int64_t token = 0; token * tile.planes < kColumns; ++token) {
        for (int half = 0; half < 2; ++half) {
          const int64_t rows = half * kHalfRows;
          __m256 sum = _mm256_load_ps(x[token] + rows);
          if (format.has_offset) {
            sum = _mm256_fmadd_ps(_mm256_load_ps(w.offset[group] + rows),
                                  _mm256_broadcast_ss(sums.token[token] + group), sum);
          }
          const __m256 f = joined(s.of[token * tile.planes] + rows, kPanelRows, tile.planes);
          sum = _mm256_fmadd_ps(_mm256_load_ps(w.scale[group] + rows), f, sum);
          _mm256_store_ps(x[token] + rows, sum);
        }
      }
    }
    for (int64_t token = 0; token * tile.planes < kColumns; ++token) {
      for (int half = 0; half < 2; ++half) {
        add_block(tile, token, half, _mm256_load_ps(x[token] + half * kHalfRows));
      }
    }
  }

 private:
  // Sum of (u - zero) * digit = sum of u * digit - zero * sum of digits.
  template <int kColumns>
  static void take_zero_out(int zero, const GroupSums& sums, int64_t group, ColumnSums& s) {
    for (int c = 0; c < kColumns; ++c) {
      const __m256i part = _mm256_set1_epi32(zero * sums.column[c][group]);
      store(s.of[c], _mm256_sub_epi32(load(s.of[c]), part));
      store(s.of[c] + kHalfRows, _mm256_sub_epi32(load(s.of[c] + kHalfRows), part));
    }
  }
};

}  // namespace kilter::cpu::avx2
