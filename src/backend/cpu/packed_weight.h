// A weight in the order in which kernels read it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/panel_format.h"
#include "tensor/tensor.h"

namespace kilter::cpu {

/// What a packed weight holds.
enum class PanelKind : uint8_t {
  integer,  ///< panels of codes and scales: `format`
  f32,      ///< [panel][k][16] f32
  f16,      ///< [panel][k][16] f16
  bf16,     ///< [panel][k][16] bf16
};

/// Panels of 16 rows, one after the other; rows beyond the last are zeros. Does not own its memory.
struct PackedWeight {
  PanelKind kind = PanelKind::f32;
  PanelFormat format{};  ///< PanelKind::integer only
  int64_t rows = 0;
  int64_t cols = 0;
  const std::byte* data = nullptr;  ///< aligned to 64 bytes

  [[gnu::always_inline]] int64_t panels() const { return (rows + kPanelRows - 1) / kPanelRows; }
  [[gnu::always_inline]] int64_t blocks() const { return (cols + kBlockValues - 1) / kBlockValues; }
  [[gnu::always_inline]] int64_t panel_bytes() const {
    if (kind == PanelKind::integer) return format.panel_bytes(cols);
    return cols * kPanelRows * (kind == PanelKind::f32 ? 4 : 2);
  }
  [[gnu::always_inline]] const std::byte* panel(int64_t p) const { return data + p * panel_bytes(); }
};

/// How `weight` would be packed, without its memory.
PackedWeight packed_form(const Weight& weight);

/// Writes panels [begin, end) of `weight` to `to`, the memory of panel 0: packed_form(weight).panel_bytes()
/// each.
///   the plain types but F16, BF16 become f32 (F64 and wide integers rounded once, as quant::decode does it)
void pack_panels(const Weight& weight, int64_t begin, int64_t end, std::byte* to);

}  // namespace kilter::cpu
