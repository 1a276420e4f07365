// One panel block times up to six columns of digits (a column is one plane of one token): 16 rows are four
// vectors of lanes, so six columns make 24 sums, which leaves seven of the 32 registers for six columns of
// digits and a vector of codes.
#pragma once

#include <arm_neon.h>

#include "backend/cpu/neon/open_block.h"

namespace kilter::cpu::neon {

constexpr int kTileColumns = 6;  // whole tokens of one, two and three planes

/// Some whole tokens' share of one block.
struct Tile {
  const int8_t* digits = nullptr;  ///< [column][256]
  const int16_t* sums = nullptr;   ///< [column][16]
  const float* scale = nullptr;    ///< [token]
  float* acc = nullptr;            ///< [token][16]
  int64_t planes = 1;
};

namespace {

/// Sums of all rows, a column after the other.
template <int kColumns>
using RowSums = int32x4_t[size_t{kColumns}][4];

/// [column][16 rows] exact integers.
struct ColumnSums {
  alignas(64) int32_t of[kTileColumns][kPanelRows];
};

// S of the integer scales: adds the scaled sums of all units to `s`. A unit of Q6_K reaches 16 * 63 * 128 *
// 128 = 16.5 M, sixteen of them 264 M.
template <typename Dot, int kColumns>
inline void add_units(const OpenBlock<Dot>& w, const int8_t* digits, ColumnSums& s) {
  const int8_t* codes = w.codes;
  for (int64_t unit = 0; unit * w.unit_lines < w.lines; ++unit) {
    RowSums<kColumns> sum;
    Dot::template sum_lines<kColumns>(codes, digits, w.unit_lines, sum);
    for (int c = 0; c < kColumns; ++c) {
      for (int r = 0; r < 4; ++r) {
        int32_t* to = s.of[c] + r * kLaneRows;
        vst1q_s32(to, vmlaq_s32(vld1q_s32(to), sum[c][r], vld1q_s32(w.unit_scale[unit] + r * kLaneRows)));
      }
    }
    codes += w.unit_lines * kLineBytes;
    digits += w.unit_lines * kLineValues;
  }
}

// The sums of a token's planes as f32, for four lanes.
template <int kPlanes>
inline float32x4_t joined(const int32_t* plane) {
  static_assert(kPanelRows == kMaxGroups);  // what lies between two planes
  float32x4_t joined = vcvtq_f32_s32(vld1q_s32(plane));
  if constexpr (kPlanes >= 2) {
    joined = vfmaq_f32(joined, vdupq_n_f32(256.0F), vcvtq_f32_s32(vld1q_s32(plane + kPanelRows)));
  }
  if constexpr (kPlanes == 3) {
    joined = vfmaq_f32(joined, vdupq_n_f32(65536.0F), vcvtq_f32_s32(vld1q_s32(plane + 2 * kPanelRows)));
  }
  return joined;
}

// acc = fma(activation scale, x, acc) for four rows of a token.
inline void add_block(const Tile& tile, int64_t token, int64_t row, float32x4_t x) {
  float* to = tile.acc + token * kPanelRows + row;
  vst1q_f32(to, vfmaq_f32(vld1q_f32(to), vdupq_n_f32(tile.scale[token]), x));
}

// Sum over the units of factor * sum of digits, for all columns: T, or what the zero takes from S: 4096 *
// 2048 for each of 16 units, or 63 * 4096 for each of 8: 134 M at most.
template <typename Dot, int kColumns>
inline void multiply_sums(const OpenBlock<Dot>& w, const Tile& tile, ColumnSums& to) {
  for (int c = 0; c < kColumns; ++c) {
    int16_t sums[16];
    const int16x8_t low = vld1q_s16(tile.sums + c * 16);
    const int16x8_t high = vld1q_s16(tile.sums + c * 16 + 8);
    const bool paired = w.unit_lines == 32 / kLineValues;
    vst1q_s16(sums, paired ? vpaddq_s16(low, high) : low);
    vst1q_s16(sums + 8, high);
    int32x4_t sum[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
    for (int64_t unit = 0; unit * w.unit_lines < w.lines; ++unit) {
      const int16_t* factor = w.sum_factor[unit];
      for (int r = 0; r < 4; ++r) sum[r] = vmlal_n_s16(sum[r], vld1_s16(factor + r * kLaneRows), sums[unit]);
    }
    for (int r = 0; r < 4; ++r) vst1q_s32(to.of[c] + r * kLaneRows, sum[r]);
  }
}

// Calls `Step` for the number of planes that the tile has: kColumns are whole tokens.
template <typename Step, int kColumns, typename... Arguments>
inline void with_planes(int64_t planes, Arguments&&... arguments) {
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
      for (int64_t row = 0; row < kPanelRows; row += kLaneRows) {
        float32x4_t x = vdupq_n_f32(0);
        if constexpr (kHasOffset) {
          x = vfmaq_f32(x, vld1q_f32(offset + row), joined<kPlanes>(t.of[token * kPlanes] + row));
        }
        x = vfmaq_f32(x, vld1q_f32(scale + row), joined<kPlanes>(s.of[token * kPlanes] + row));
        add_block(tile, token, row, x);
      }
    }
  }
};

}  // namespace

/// A block with integer scales: one float group.
struct UnitTile {
  template <typename Dot, int kColumns>
  static void multiply(const OpenBlock<Dot>& w, const PanelFormat& format, const Tile& tile) {
    ColumnSums s;
    if (format.has_offset) {
      ColumnSums t;
      multiply_sums<Dot, kColumns>(w, tile, t);
      for (int c = 0; c < kColumns; ++c) {
        for (int r = 0; r < 4; ++r) vst1q_s32(s.of[c] + r * kLaneRows, vdupq_n_s32(0));
      }
      add_units<Dot, kColumns>(w, tile.digits, s);
      with_planes<FinishUnits<true>, kColumns>(tile.planes, w.scale[0], w.offset[0], s, t, tile);
    } else {
      multiply_sums<Dot, kColumns>(w, tile, s);  // the zero is no part of the codes: taken out first
      add_units<Dot, kColumns>(w, tile.digits, s);
      with_planes<FinishUnits<false>, kColumns>(tile.planes, w.scale[0], w.offset[0], s, s, tile);
    }
  }
};

namespace {

/// What a block with float scales computes with.
struct GroupNumbers {
  alignas(64) int32_t sums[kTileColumns][kMaxGroups];  ///< of the digits of each group
  alignas(64) float t[kTileColumns][kMaxGroups];       ///< [token]: f(T), the same for all rows
  alignas(64) float x[kTileColumns][kPanelRows];       ///< [token]
};

inline void sum_digits(const int16_t* sixteens, int group, int32_t* to) {
  for (int g = 0; g < kMaxGroups; g += 4) vst1q_s32(to + g, vmovl_s16(vld1_s16(sixteens + g)));
  for (int width = 16; width < group; width *= 2) {
    for (int g = 0; g < kBlockValues / 2 / width; ++g) to[g] = to[2 * g] + to[2 * g + 1];
  }
}

struct StartGroups {
  template <int kColumns, int kPlanes>
  static void run(GroupNumbers& numbers) {
    for (int64_t token = 0; token < kColumns / kPlanes; ++token) {
      for (int64_t i = 0; i < kPanelRows; i += kLaneRows) {
        vst1q_f32(numbers.x[token] + i, vdupq_n_f32(0));
        vst1q_f32(numbers.t[token] + i, joined<kPlanes>(numbers.sums[token * kPlanes] + i));
      }
    }
  }
};

// The float part of a group: x = fma(scale, f(S), fma(offset, f(T), x)).
struct FinishGroup {
  template <int kColumns, int kPlanes>
  static void run(const float* scale, const float* offset, const ColumnSums& s, int64_t group,
                  GroupNumbers& numbers) {
    for (int64_t token = 0; token < kColumns / kPlanes; ++token) {
      for (int64_t row = 0; row < kPanelRows; row += kLaneRows) {
        float32x4_t x = vld1q_f32(numbers.x[token] + row);
        if (offset != nullptr) {
          x = vfmaq_f32(x, vld1q_f32(offset + row), vdupq_n_f32(numbers.t[token][group]));
        }
        x = vfmaq_f32(x, vld1q_f32(scale + row), joined<kPlanes>(s.of[token * kPlanes] + row));
        vst1q_f32(numbers.x[token] + row, x);
      }
    }
  }
};

}  // namespace

/// A block with a float scale for every group of 16 to 256 values.
struct GroupTile {
  template <typename Dot, int kColumns>
  static void multiply(const OpenBlock<Dot>& w, const PanelFormat& format, const Tile& tile) {
    GroupNumbers numbers;
    for (int c = 0; c < kColumns; ++c) sum_digits(tile.sums + c * 16, format.group, numbers.sums[c]);
    with_planes<StartGroups, kColumns>(tile.planes, numbers);
    for (int64_t group = 0; group * w.group_lines < w.lines; ++group) {
      const int64_t line = group * w.group_lines;
      RowSums<kColumns> sum;
      Dot::template sum_lines<kColumns>(w.codes + line * kLineBytes, tile.digits + line * kLineValues,
                                        w.group_lines, sum);
      // Sum of (u - zero) * digit = sum of u * digit - zero * sum of digits.
      ColumnSums s;
      for (int c = 0; c < kColumns; ++c) {
        const int32x4_t taken = vdupq_n_s32(w.zero * numbers.sums[c][group]);
        for (int r = 0; r < 4; ++r) vst1q_s32(s.of[c] + r * kLaneRows, vsubq_s32(sum[c][r], taken));
      }
      const float* offset = format.has_offset ? w.offset[group] : nullptr;
      with_planes<FinishGroup, kColumns>(tile.planes, w.scale[group], offset, s, group, numbers);
    }
    for (int64_t token = 0; token * tile.planes < kColumns; ++token) {
      for (int64_t row = 0; row < kPanelRows; row += kLaneRows) {
        add_block(tile, token, row, vld1q_f32(numbers.x[token] + row));
      }
    }
  }
};

}  // namespace kilter::cpu::neon
