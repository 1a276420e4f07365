#include "backend/cpu/panel_format.h"

#include <algorithm>
#include <array>

namespace kilter::cpu {
namespace {

struct Row {
  DType type;
  PanelFormat format;
};

// A format's own integers where it has some; otherwise its codes as bytes and its scales as f32.
constexpr std::array kRows = {
    Row{DType::q4_0, {Codes::nibble, Scales::f16, 8, 32, 32, false}},
    Row{DType::q4_1, {Codes::nibble, Scales::f16, 0, 32, 32, true}},
    Row{DType::q5_0, {Codes::nibble_1, Scales::f16, 16, 32, 32, false}},
    Row{DType::q5_1, {Codes::nibble_1, Scales::f16, 0, 32, 32, true}},
    Row{DType::q8_0, {Codes::byte, Scales::f16, 128, 32, 32, false}},
    Row{DType::q8_1, {Codes::byte, Scales::f16, 128, 32, 32, false}},
    Row{DType::q2_k, {Codes::nibble, Scales::integer, 0, 16, 256, true}},
    Row{DType::q3_k, {Codes::nibble, Scales::integer, 4, 16, 256, false}},
    Row{DType::q4_k, {Codes::nibble, Scales::integer, 0, 32, 256, true}},
    Row{DType::q5_k, {Codes::nibble_1, Scales::integer, 0, 32, 256, true}},
    Row{DType::q6_k, {Codes::nibble_2, Scales::integer, 32, 16, 256, false}},
    Row{DType::q8_k, {Codes::byte, Scales::f32, 128, 256, 256, false}},
    Row{DType::iq1_s, {Codes::byte, Scales::f32, 128, 32, 32, false}},
    Row{DType::iq1_m, {Codes::byte, Scales::f32, 128, 16, 16, false}},
    Row{DType::iq2_xxs, {Codes::byte, Scales::f32, 128, 32, 32, false}},
    Row{DType::iq2_xs, {Codes::byte, Scales::f32, 128, 16, 16, false}},
    Row{DType::iq2_s, {Codes::byte, Scales::f32, 128, 16, 16, false}},
    Row{DType::iq3_xxs, {Codes::byte, Scales::f32, 128, 32, 32, false}},
    Row{DType::iq3_s, {Codes::byte, Scales::f32, 128, 32, 32, false}},
    Row{DType::iq4_nl, {Codes::byte, Scales::f16, 128, 32, 32, false}},
    Row{DType::iq4_xs, {Codes::byte, Scales::f32, 128, 32, 32, false}},
    Row{DType::tq1_0, {Codes::nibble, Scales::f16, 1, 256, 256, false}},
    Row{DType::tq2_0, {Codes::nibble, Scales::f16, 1, 256, 256, false}},
    Row{DType::mxfp4, {Codes::byte, Scales::f32, 128, 32, 32, false}},
    Row{DType::nvfp4, {Codes::byte, Scales::f32, 128, 16, 16, false}},
    Row{DType::q1_0, {Codes::nibble, Scales::f16, 1, 128, 128, false}},
    Row{DType::q2_0, {Codes::nibble, Scales::f16, 1, 64, 64, false}},
};

}  // namespace

std::optional<PanelFormat> panel_format(DType type) {
  const auto* row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.type == type; });
  if (row == kRows.end()) return std::nullopt;
  return row->format;
}

}  // namespace kilter::cpu
