// How a block type lies in a packed weight: the same layout for every instruction set.
//
// A panel is 16 rows of the matrix, and its 16 rows are the lanes of every kernel. Along k a panel is cut
// into blocks of 256 values (the last may be shorter), and a block into lines of 4 values: 64 bytes [16
// rows][4 k], which is one operand of vpdpbusd, one row of an AMX B tile, four operands of sdot.
//
// A panel block of n values (n <= 256, a multiple of 32) is, one after the other, padded to 64 bytes:
//   codes   nibble    [n/8][64]   a byte holds the codes of line 2i (low nibble) and line 2i + 1 (high)
//           nibble_1  as nibble, then [n/32][64]: bit b of a byte is the fifth bit of line 8i + b
//           nibble_2  as nibble, then [n/16][64]: bits 2b, 2b+1 are the upper bits of line 4i + b
//           byte      [n/4][64]
//   scales  integer   i8 [n/unit][16], then u8 minimums [n/unit][16] where there are offsets, then f16 d
//   [16],
//                     then f16 dmin [16] where there are offsets
//           f16, f32  scale [n/group][16], then offset [n/group][16] where there are offsets
// Functions here and in the other headers that kernels include are always inlined: a copy of its own that the
// linker kept might be one that was compiled for a richer instruction set.
#pragma once

#include <cstdint>
#include <optional>

#include "tensor/dtype.h"

namespace kilter::cpu {

constexpr int kPanelRows = 16;
/// Values of k that share one activation scale (rule 1 of the arithmetic contract).
constexpr int kBlockValues = 256;
constexpr int kLineValues = 4;
constexpr int kLineBytes = kPanelRows * kLineValues;

/// Bits of a stored code: 4, 5, 6, 8.
enum class Codes : uint8_t { nibble, nibble_1, nibble_2, byte };

/// What multiplies the codes. `integer`: small integers times one f16 number a block of 256.
enum class Scales : uint8_t { integer, f16, f32 };

/// The value of element i of a row, from its stored code u:
///   Scales::integer   d * sc[i/unit] * (u - zero)  [- dmin * mn[i/unit]]
///   otherwise         scale[i/group] * (u - zero)  [+ offset[i/group]]
struct PanelFormat {
  Codes codes;
  Scales scales;
  int zero;         ///< q = u - zero
  int unit;         ///< values with one integer scale: 16 or 32; the group where there is none
  int group;        ///< values with one float scale: 16, 32, 64, 128 or 256
  bool has_offset;  ///< minimums, or offsets

  [[gnu::always_inline]] int64_t code_bytes(int64_t n) const {
    switch (codes) {
      case Codes::nibble:
        return n * 8;
      case Codes::nibble_1:
        return n * 10;
      case Codes::nibble_2:
        return n * 12;
      case Codes::byte:
        break;
    }
    return n * 16;
  }
  [[gnu::always_inline]] int64_t scale_bytes(int64_t n) const {
    const int64_t fields = has_offset ? 2 : 1;
    if (scales == Scales::integer) return fields * (n / unit * kPanelRows + int64_t{2} * kPanelRows);
    return fields * (n / group) * kPanelRows * (scales == Scales::f16 ? 2 : 4);
  }
  /// Bytes of a panel block of n values.
  [[gnu::always_inline]] int64_t block_bytes(int64_t n) const {
    return (code_bytes(n) + scale_bytes(n) + 63) / 64 * 64;
  }
  /// Bytes of a panel of rows of n values.
  [[gnu::always_inline]] int64_t panel_bytes(int64_t n) const {
    const int64_t tail = n % kBlockValues;
    return n / kBlockValues * block_bytes(kBlockValues) + (tail == 0 ? 0 : block_bytes(tail));
  }
};

/// The integer form of a block type. Nothing for the plain types, whose products are f32.
std::optional<PanelFormat> panel_format(DType type);

}  // namespace kilter::cpu
