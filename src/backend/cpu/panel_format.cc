#include "backend/cpu/panel_format.h"

namespace kilter::cpu {

std::optional<PanelFormat> panel_format(DType type) {
  using enum DType;
  constexpr auto integer = Scales::integer;
  constexpr auto half = Scales::f16;
  constexpr auto full = Scales::f32;
  const auto of = [](Codes codes, Scales scales, int zero, int unit, int group, bool has_offset) {
    return PanelFormat{codes, scales, zero, unit, group, has_offset};
  };
  switch (type) {
    case q2_k:
      return of(Codes::nibble, integer, 0, 16, 256, true);
    case q3_k:
      return of(Codes::nibble, integer, 4, 16, 256, false);
    case q4_k:
      return of(Codes::nibble, integer, 0, 32, 256, true);
    case q5_k:
      return of(Codes::nibble_1, integer, 0, 32, 256, true);
    case q6_k:
      return of(Codes::nibble_2, integer, 32, 16, 256, false);
    case q8_k:
      return of(Codes::byte, full, 128, 256, 256, false);

    case q4_0:
      return of(Codes::nibble, half, 8, 32, 32, false);
    case q4_1:
      return of(Codes::nibble, half, 0, 32, 32, true);
    case q5_0:
      return of(Codes::nibble_1, half, 16, 32, 32, false);
    case q5_1:
      return of(Codes::nibble_1, half, 0, 32, 32, true);
    case q8_0:
      return of(Codes::byte, half, 128, 32, 32, false);
    case q8_1:
      return of(Codes::byte, half, 128, 32, 32, false);

    // Formats without a layout of their own: their integers as bytes, their scales as f32.
    case iq1_s:
      return of(Codes::byte, full, 128, 32, 32, false);
    case iq1_m:
      return of(Codes::byte, full, 128, 16, 16, false);
    case iq2_xxs:
      return of(Codes::byte, full, 128, 32, 32, false);
    case iq2_xs:
      return of(Codes::byte, full, 128, 16, 16, false);
    case iq2_s:
      return of(Codes::byte, full, 128, 16, 16, false);
    case iq3_xxs:
      return of(Codes::byte, full, 128, 32, 32, false);
    case iq3_s:
      return of(Codes::byte, full, 128, 32, 32, false);
    case iq4_nl:
      return of(Codes::byte, half, 128, 32, 32, false);
    case iq4_xs:
      return of(Codes::byte, full, 128, 32, 32, false);
    case tq1_0:
      return of(Codes::nibble, half, 1, 256, 256, false);
    case tq2_0:
      return of(Codes::nibble, half, 1, 256, 256, false);
    case mxfp4:
      return of(Codes::byte, full, 128, 32, 32, false);
    case nvfp4:
      return of(Codes::byte, full, 128, 16, 16, false);
    case q1_0:
      return of(Codes::nibble, half, 1, 128, 128, false);
    case q2_0:
      return of(Codes::nibble, half, 1, 64, 64, false);

    case f32:
    case f16:
    case bf16:
    case f64:
    case i8:
    case i16:
    case i32:
    case i64:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace kilter::cpu
