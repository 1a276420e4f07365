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

inline void fill(int32_t* rows, __m256i value) {
  store(rows, value);
  store(rows + kHalfRows, value);
}

/// Two vectors of row sums a column.
template <int kColumns>
using Registers = __m256i[size_t{kColumns}][2];

inline __m256i broadcast(const void* four_bytes) {
  return _mm256_castps_si256(_mm256_broadcast_ss(static_cast<const float*>(four_bytes)));
}

// One line of all columns.
template <typename Dot, int kColumns>
[[gnu::always_inline]] inline void add_line(const std::byte* codes, const std::byte* digits,
                                            Registers<kColumns>& sum) {
  constexpr int64_t kStride = kBlockValues * Dot::kDigitBytes;
  const __m256i upper = load(codes);
  const __m256i lower = load(codes + 32);
#pragma GCC unroll 6
  for (int c = 0; c < kColumns; ++c) {
    const __m256i digit = broadcast(digits + c * kStride);
    sum[c][0] = Dot::step(sum[c][0], upper, digit);
    sum[c][1] = Dot::step(sum[c][1], lower, digit);
  }
}

// The sums of kLines lines for all columns. vpdpbusd overwrites its sum: unrolled, twelve of them are changed
// in place, where a loop is given copies and spills. Plain additions are not unrolled: GCC would turn the
// chains into trees, whose leaves need more registers than there are.
template <typename Dot, int kColumns, int kLines>
[[gnu::always_inline]] inline void sum_lines(const std::byte* codes, const std::byte* digits,
                                             Registers<kColumns>& sum) {
  if constexpr (Dot::kUnroll) {
#pragma GCC unroll 8
    for (int64_t i = 0; i < kLines; ++i) {
      add_line<Dot, kColumns>(codes + i * kLineBytes, digits + i * 4, sum);
    }
  } else {
#pragma GCC unroll 1
    for (int64_t i = 0; i < kLines; ++i) {
      add_line<Dot, kColumns>(codes + i * kLineBytes, digits + i * 4, sum);
    }
  }
}

// S of the integer scales: adds the scaled sums of all units to `s`, which stays in memory (L1), because the
// registers are taken.
template <typename Dot, int kColumns, int kLines>
[[gnu::noinline]] void add_units(const OpenBlock<Dot>& w, const std::byte* digits, ColumnSums& s) {
  const std::byte* codes = w.codes;
  const std::byte* codes_end = codes + w.lines * kLineBytes;
  for (const int32_t(*scale)[kPanelRows] = w.unit_scale; codes < codes_end; ++scale) {
    const std::byte* unit_end = codes + w.unit_lines * kLineBytes;
    for (; codes < unit_end; codes += kLines * kLineBytes, digits += kLines * 4) {
      Registers<kColumns> sum = {};
      sum_lines<Dot, kColumns, kLines>(codes, digits, sum);
#pragma GCC unroll 6
      for (int c = 0; c < kColumns; ++c) {
        int32_t* to = s.of[c];
        const __m256i upper = Dot::scaled(sum[c][0], load(*scale));
        const __m256i lower = Dot::scaled(sum[c][1], load(*scale + kHalfRows));
        store(to, _mm256_add_epi32(load(to), upper));
        store(to + kHalfRows, _mm256_add_epi32(load(to + kHalfRows), lower));
      }
    }
  }
}

// kLines lines of a group that has a float scale. S starts at start[column][group], the same for all rows.
template <typename Dot, int kColumns, int kLines, bool kFirst>
inline void sum_group_lines(const std::byte* codes, const std::byte* digits,
                            const int32_t (*start)[kMaxGroups], int64_t group, ColumnSums& s) {
  Registers<kColumns> sum = {};
  sum_lines<Dot, kColumns, kLines>(codes, digits, sum);
#pragma GCC unroll 6
  for (int c = 0; c < kColumns; ++c) {
    int32_t* to = s.of[c];
    const __m256i upper = kFirst ? broadcast(start[c] + group) : load(to);
    const __m256i lower = kFirst ? upper : load(to + kHalfRows);
    store(to, _mm256_add_epi32(upper, Dot::whole(sum[c][0])));
    store(to + kHalfRows, _mm256_add_epi32(lower, Dot::whole(sum[c][1])));
  }
}

template <typename Dot, int kColumns, int kLines>
inline void sum_group(const OpenBlock<Dot>& w, int64_t group, const std::byte* digits,
                      const int32_t (*start)[kMaxGroups], ColumnSums& s) {
  const std::byte* codes = w.codes + group * w.group_lines * kLineBytes;
  digits += group * w.group_lines * 4;
  sum_group_lines<Dot, kColumns, kLines, true>(codes, digits, start, group, s);
  for (int64_t line = kLines; line < w.group_lines; line += kLines) {
    sum_group_lines<Dot, kColumns, kLines, false>(codes + line * kLineBytes, digits + line * 4, start, group,
                                                  s);
  }
}

// The sums of a token's planes as f32, for eight lanes.
template <int kPlanes>
inline __m256 joined(const int32_t* plane) {
  static_assert(kPanelRows == kMaxGroups);  // what lies between two planes
  __m256 joined = _mm256_cvtepi32_ps(load(plane));
  if constexpr (kPlanes >= 2) {
    const __m256 second = _mm256_cvtepi32_ps(load(plane + kPanelRows));
    joined = _mm256_fmadd_ps(_mm256_set1_ps(256.0F), second, joined);
  }
  if constexpr (kPlanes == 3) {
    const __m256 third = _mm256_cvtepi32_ps(load(plane + 2 * kPanelRows));
    joined = _mm256_fmadd_ps(_mm256_set1_ps(65536.0F), third, joined);
  }
  return joined;
}

// acc = fma(activation scale, x, acc) for eight rows of a token.
inline void add_block(const Tile& tile, int64_t token, int64_t row, __m256 x) {
  float* to = tile.acc + token * kPanelRows + row;
  _mm256_store_ps(to, _mm256_fmadd_ps(_mm256_broadcast_ss(tile.scale + token), x, _mm256_load_ps(to)));
}

// Sums of 32 neighbouring digits as i16, from those of 16: at most 4096.
inline void pair_sums(__m256i sixteens, int16_t* to) {
  const __m256i whole = _mm256_madd_epi16(sixteens, _mm256_set1_epi16(1));
  const __m128i narrow = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
  _mm_store_si128(reinterpret_cast<__m128i*>(to), narrow);
}

inline __m256i load_sums(const Tile& tile, int column) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(tile.sums + column * 16));
}

// Sum over the units of factor * sum of digits, for all columns: T, or what the zero takes from S. Two units
// a pmaddwd: 2 * 4096 * 4096 = 33.5 M at most, 16 units of Q6_K 134 M.
template <typename Dot, int kColumns>
inline void multiply_sums(const OpenBlock<Dot>& w, const Tile& tile, ColumnSums& to) {
  alignas(32) int16_t sums[kTileColumns * 16];
  for (int c = 0; c < kColumns; ++c) {
    const __m256i sixteens = load_sums(tile, c);
    if (w.sum_pairs == kMaxGroups / 2) {
      store(sums + c * 16, sixteens);
    } else {
      pair_sums(sixteens, sums + c * 16);
    }
  }
  Registers<kColumns> sum = {};
  for (int64_t pair = 0; pair < w.sum_pairs; ++pair) {
    const __m256i upper = load(w.sum_factor[pair]);
    const __m256i lower = load(w.sum_factor[pair] + kHalfRows);
#pragma GCC unroll 6
    for (int c = 0; c < kColumns; ++c) {
      const __m256i two = broadcast(sums + c * 16 + 2 * pair);
      sum[c][0] = _mm256_add_epi32(sum[c][0], _mm256_madd_epi16(upper, two));
      sum[c][1] = _mm256_add_epi32(sum[c][1], _mm256_madd_epi16(lower, two));
    }
  }
#pragma GCC unroll 6
  for (int c = 0; c < kColumns; ++c) {
    store(to.of[c], sum[c][0]);
    store(to.of[c] + kHalfRows, sum[c][1]);
  }
}

// Calls `Step` for the number of planes that the tile has: kColumns are whole tokens.
template <typename Step, int kColumns, typename... Arguments>
[[gnu::always_inline]] inline void with_planes(int64_t planes, Arguments&&... arguments) {
  if constexpr (kColumns % 3 == 0) {
    if (planes == 3) return Step::template run<kColumns, 3>(arguments...);
  }
  if constexpr (kColumns % 2 == 0) {
    if (planes == 2) return Step::template run<kColumns, 2>(arguments...);
  }
  return Step::template run<kColumns, 1>(arguments...);
}

// The float part of a block with integer scales.
template <bool kHasOffset>
struct FinishUnits {
  template <int kColumns, int kPlanes>
  static void run(const float* scale, const float* offset, const ColumnSums& s, const ColumnSums& t,
                  const Tile& tile) {
    for (int64_t token = 0; token < kColumns / kPlanes; ++token) {
      for (int64_t row = 0; row < kPanelRows; row += kHalfRows) {
        __m256 x = _mm256_setzero_ps();
        if constexpr (kHasOffset) {
          x = _mm256_fmadd_ps(_mm256_load_ps(offset + row), joined<kPlanes>(t.of[token * kPlanes] + row), x);
        }
        x = _mm256_fmadd_ps(_mm256_load_ps(scale + row), joined<kPlanes>(s.of[token * kPlanes] + row), x);
        add_block(tile, token, row, x);
      }
    }
  }
};

}  // namespace

/// A block with integer scales: one float group. kLines divides the lines of a unit, and Dot can hold them.
struct UnitTile {
  template <typename Dot, int kColumns, int kLines>
  [[gnu::noinline]] static void multiply(const OpenBlock<Dot>& w, const PanelFormat& format,
                                         const Tile& tile) {
    ColumnSums s;
    if (format.has_offset) {
      ColumnSums t;
      multiply_sums<Dot, kColumns>(w, tile, t);
      for (int c = 0; c < kColumns; ++c) fill(s.of[c], _mm256_setzero_si256());
      add_units<Dot, kColumns, kLines>(w, tile.digits, s);
      with_planes<FinishUnits<true>, kColumns>(tile.planes, w.scale[0], w.offset[0], s, t, tile);
    } else {
      multiply_sums<Dot, kColumns>(w, tile, s);  // the zero is no part of the codes: taken out first
      add_units<Dot, kColumns, kLines>(w, tile.digits, s);
      with_planes<FinishUnits<false>, kColumns>(tile.planes, w.scale[0], w.offset[0], s, s, tile);
    }
  }
};

namespace {

// Sums of the digits of each group, times `factor`: all rows share them.
inline void sum_digits(__m256i sixteens, int group, int factor, int32_t* to) {
  const __m256i times = _mm256_set1_epi32(factor);
  if (group == 16) {
    const __m256i low = _mm256_cvtepi16_epi32(_mm256_castsi256_si128(sixteens));
    const __m256i high = _mm256_cvtepi16_epi32(_mm256_extracti128_si256(sixteens, 1));
    store(to, _mm256_mullo_epi32(low, times));
    store(to + 8, _mm256_mullo_epi32(high, times));
    return;
  }
  const __m256i pairs = _mm256_madd_epi16(sixteens, _mm256_set1_epi16(1));
  store(to, _mm256_mullo_epi32(pairs, times));
  store(to + 8, _mm256_setzero_si256());
  for (int width = 32; width < group; width *= 2) {
    for (int g = 0; g < kBlockValues / 2 / width; ++g) to[g] = to[2 * g] + to[2 * g + 1];
  }
}

/// What a block with float scales computes with, beside its ColumnSums.
struct GroupNumbers {
  alignas(64) int32_t start[kTileColumns][kMaxGroups];  ///< of S: sum of (u - zero) * digit, without the u
  alignas(64) int32_t sums[kTileColumns][kMaxGroups];   ///< of the digits
  alignas(64) float t[kTileColumns][kMaxGroups];        ///< [token]: f(T), the same for all rows
  alignas(64) float x[kTileColumns][kPanelRows];        ///< [token]
};

struct StartGroups {
  template <int kColumns, int kPlanes>
  static void run(const PanelFormat& format, GroupNumbers& numbers) {
    for (int64_t token = 0; token < kColumns / kPlanes; ++token) {
      for (int64_t i = 0; i < kPanelRows; i += kHalfRows) {
        _mm256_store_ps(numbers.x[token] + i, _mm256_setzero_ps());
        if (!format.has_offset) continue;
        _mm256_store_ps(numbers.t[token] + i, joined<kPlanes>(numbers.sums[token * kPlanes] + i));
      }
    }
  }
};

// The float part of a group: x = fma(scale, f(S), fma(offset, f(T), x)).
struct FinishGroup {
  template <int kColumns, int kPlanes>
  static void run(const float* scale, const float* offset, const ColumnSums& s, int64_t group,
                  GroupNumbers& numbers) {
#pragma GCC unroll 6
    for (int64_t token = 0; token < kColumns / kPlanes; ++token) {
#pragma GCC unroll 2
      for (int64_t row = 0; row < kPanelRows; row += kHalfRows) {
        __m256 x = _mm256_load_ps(numbers.x[token] + row);
        if (offset != nullptr) {
          x = _mm256_fmadd_ps(_mm256_load_ps(offset + row), _mm256_broadcast_ss(numbers.t[token] + group), x);
        }
        x = _mm256_fmadd_ps(_mm256_load_ps(scale + row), joined<kPlanes>(s.of[token * kPlanes] + row), x);
        _mm256_store_ps(numbers.x[token] + row, x);
      }
    }
  }
};

}  // namespace

/// A block with a float scale for every group of 16 to 256 values.
struct GroupTile {
  template <typename Dot, int kColumns, int kLines>
  [[gnu::noinline]] static void multiply(const OpenBlock<Dot>& w, const PanelFormat& format,
                                         const Tile& tile) {
    GroupNumbers numbers;
    for (int c = 0; c < kColumns; ++c) {
      const __m256i sixteens = load_sums(tile, c);
      sum_digits(sixteens, format.group, Dot::kSigned ? 0 : -format.zero, numbers.start[c]);
      if (format.has_offset) sum_digits(sixteens, format.group, 1, numbers.sums[c]);
    }
    with_planes<StartGroups, kColumns>(tile.planes, format, numbers);
    ColumnSums s;
    for (int64_t group = 0; group * w.group_lines < w.lines; ++group) {
      sum_group<Dot, kColumns, kLines>(w, group, tile.digits, numbers.start, s);
      const float* offset = format.has_offset ? w.offset[group] : nullptr;
      with_planes<FinishGroup, kColumns>(tile.planes, w.scale[group], offset, s, group, numbers);
    }
    for (int64_t token = 0; token * tile.planes < kColumns; ++token) {
      add_block(tile, token, 0, _mm256_load_ps(numbers.x[token]));
      add_block(tile, token, kHalfRows, _mm256_load_ps(numbers.x[token] + kHalfRows));
    }
  }
};

}  // namespace kilter::cpu::avx2
