// A panel block taken apart into what the tiles of matmul_tile.h read. Every column of the activations uses
// it, so it lies in L1: 4 KiB of codes and 4 KiB of scales.
#pragma once

#include <arm_neon.h>

#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::neon {

constexpr int64_t kLaneRows = 4;  // rows of one vector: a quarter of a panel
constexpr int64_t kMaxGroups = 16;

/// Everything is per row: [..][16 rows]. `Dot` is what multiplies, and orders the codes: integer_matmul.cc.
template <typename Dot>
struct OpenBlock {
  alignas(64) int8_t codes[kBlockValues * kPanelRows];     ///< two lines of 64 bytes, as Dot::put has them
  alignas(64) int32_t unit_scale[kMaxGroups][kPanelRows];  ///< integer scales
  alignas(64) int16_t sum_factor[kMaxGroups][kPanelRows];  ///< of a unit's sum of digits
  alignas(64) float scale[kMaxGroups][kPanelRows];         ///< per group; d of integer scales
  alignas(64) float offset[kMaxGroups][kPanelRows];        ///< per group; -dmin of integer scales
  int64_t lines = 0;
  int64_t unit_lines = 0;   ///< lines with one integer scale
  int64_t group_lines = 0;  ///< lines with one float scale
  int32_t zero = 0;         ///< what the codes still lack: q = code - zero
};

// Internal linkage: the linker must not give one instruction set the copy of another.
namespace {

inline const uint8_t* as_bytes(const std::byte* bytes) { return reinterpret_cast<const uint8_t*>(bytes); }

// Codes of 4, 5 and 6 bits to bytes, two lines and four rows at a time.
template <typename Dot, Codes kCodes>
inline void open_packed_lines(const std::byte* bytes, int64_t n, int8_t* to) {
  constexpr int kHighBits = kCodes == Codes::nibble_1 ? 1 : kCodes == Codes::nibble_2 ? 2 : 0;
  constexpr int64_t kHighLines = kHighBits == 0 ? 2 : 8 / kHighBits;  // that share a byte of upper bits
  const uint8_t* low = as_bytes(bytes);
  const uint8_t* high = low + 8 * n;
  const uint8x16_t low_mask = vdupq_n_u8(15);
  const uint8x16_t high_mask = vdupq_n_u8(((1 << kHighBits) - 1) << 4);
  for (int64_t line = 0; line < n / kLineValues; line += kHighLines) {
    for (int64_t quarter = 0; quarter < 4; ++quarter) {
      [[maybe_unused]] uint8x16_t upper = low_mask;
      if constexpr (kHighBits > 0) upper = vld1q_u8(high + line / kHighLines * kLineBytes + quarter * 16);
      for (int64_t i = 0; i < kHighLines; i += 2) {
        const uint8x16_t pair = vld1q_u8(low + (line + i) / 2 * kLineBytes + quarter * 16);
        uint8x16_t first = vandq_u8(pair, low_mask);
        uint8x16_t second = vshrq_n_u8(pair, 4);
        if constexpr (kHighBits > 0) {
          // The lowest bits of a byte to bit 4.
          first = vorrq_u8(first, vandq_u8(vshlq_n_u8(upper, 4), high_mask));
          upper = vshrq_n_u8(upper, kHighBits);
          second = vorrq_u8(second, vandq_u8(vshlq_n_u8(upper, 4), high_mask));
          upper = vshrq_n_u8(upper, kHighBits);
        }
        Dot::put(to + (line + i) * kLineBytes, quarter, vreinterpretq_s8_u8(first),
                 vreinterpretq_s8_u8(second));
      }
    }
  }
}

// Bytes have the zero 128: with their upper bit inverted they are signed numbers with the zero 0.
template <typename Dot>
inline void open_byte_lines(const std::byte* bytes, int64_t n, int8_t* to) {
  const uint8_t* from = as_bytes(bytes);
  const uint8x16_t sign = vdupq_n_u8(0x80);
  for (int64_t line = 0; line < n / kLineValues; line += 2) {
    for (int64_t quarter = 0; quarter < 4; ++quarter) {
      const uint8_t* at = from + line * kLineBytes + quarter * 16;
      const uint8x16_t first = veorq_u8(vld1q_u8(at), sign);
      const uint8x16_t second = veorq_u8(vld1q_u8(at + kLineBytes), sign);
      Dot::put(to + line * kLineBytes, quarter, vreinterpretq_s8_u8(first), vreinterpretq_s8_u8(second));
    }
  }
}

template <typename Dot>
inline void open_codes(const std::byte* bytes, const PanelFormat& format, int64_t n, OpenBlock<Dot>& open) {
  // The next block follows this one: fetched while this one is taken apart.
  for (int64_t i = 0; i < format.code_bytes(n); i += 64)
    __builtin_prefetch(bytes + format.block_bytes(n) + i);
  open.zero = format.codes == Codes::byte ? format.zero - 128 : format.zero;
  switch (format.codes) {
    case Codes::nibble:
      return open_packed_lines<Dot, Codes::nibble>(bytes, n, open.codes);
    case Codes::nibble_1:
      return open_packed_lines<Dot, Codes::nibble_1>(bytes, n, open.codes);
    case Codes::nibble_2:
      return open_packed_lines<Dot, Codes::nibble_2>(bytes, n, open.codes);
    case Codes::byte:
      return open_byte_lines<Dot>(bytes, n, open.codes);
  }
}

inline void store_16(int16x8_t low, int16x8_t high, int32_t* to) {
  vst1q_s32(to, vmovl_s16(vget_low_s16(low)));
  vst1q_s32(to + 4, vmovl_s16(vget_high_s16(low)));
  vst1q_s32(to + 8, vmovl_s16(vget_low_s16(high)));
  vst1q_s32(to + 12, vmovl_s16(vget_high_s16(high)));
}

// i8 scales [units][16], then the u8 minimums [units][16]. Where there are none the zero is taken out of S:
// -zero * scale, at most 32 * 128 = 4096.
template <typename Dot>
inline void open_units(const std::byte* bytes, const PanelFormat& format, int64_t units,
                       OpenBlock<Dot>& open) {
  const auto minus_zero = static_cast<int16_t>(-format.zero);
  for (int64_t u = 0; u < units; ++u) {
    const int8x16_t scale = vreinterpretq_s8_u8(vld1q_u8(as_bytes(bytes + u * kPanelRows)));
    const int16x8_t low = vmovl_s8(vget_low_s8(scale));
    const int16x8_t high = vmovl_s8(vget_high_s8(scale));
    store_16(low, high, open.unit_scale[u]);
    int16_t* factor = open.sum_factor[u];
    if (format.has_offset) {
      const uint8x16_t minimum = vld1q_u8(as_bytes(bytes + (units + u) * kPanelRows));
      vst1q_s16(factor, vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(minimum))));
      vst1q_s16(factor + 8, vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(minimum))));
    } else {
      vst1q_s16(factor, vmulq_n_s16(low, minus_zero));
      vst1q_s16(factor + 8, vmulq_n_s16(high, minus_zero));
    }
  }
}

// Numbers [groups][16], f16 or f32.
inline void open_numbers(const std::byte* bytes, bool f16, int64_t groups, float (*to)[kPanelRows]) {
  for (int64_t i = 0; i < groups * 4; ++i) {
    const auto* halves = reinterpret_cast<const uint16_t*>(bytes + i * 8);
    const auto* floats = reinterpret_cast<const float*>(bytes + i * 16);
    const float32x4_t numbers =
        f16 ? vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(halves))) : vld1q_f32(floats);
    vst1q_f32(to[i / 4] + i % 4 * kLaneRows, numbers);
  }
}

}  // namespace

/// The block of n values that starts at `bytes`.
template <typename Dot>
void open_block(const std::byte* bytes, const PanelFormat& format, int64_t n, OpenBlock<Dot>& open) {
  const bool integer = format.scales == Scales::integer;
  open_codes(bytes, format, n, open);
  bytes += format.code_bytes(n);
  if (integer) {
    const int64_t units = n / format.unit;
    open_units(bytes, format, units, open);
    bytes += units * kPanelRows * (format.has_offset ? 2 : 1);
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
  open.lines = n / kLineValues;
  open.unit_lines = format.unit / kLineValues;
  open.group_lines = format.group / kLineValues;
}

}  // namespace kilter::cpu::neon
