#include "quant/format.h"

namespace kilter::quant {
namespace {

constexpr size_t kTypeNumbers = static_cast<size_t>(DType::q2_0) + 1;

std::array<const Format*, kTypeNumbers> join_families() {
  std::array<const Format*, kTypeNumbers> table{};
  for (const auto& family : {plain_formats(), legacy_formats(), k_quant_formats(), iq1_formats(),
                             iq2_formats(), iq3_formats(), iq4_formats(), few_bit_formats(), fp4_formats()}) {
    for (const Format& format : family) table[static_cast<size_t>(format.type)] = &format;
  }
  return table;
}

}  // namespace

const Format& format_of(DType type) {
  static const auto table = join_families();
  return *table[static_cast<size_t>(type)];
}

void combine(const Format& format, const Parts& parts, std::span<float> values) {
  const size_t group_values = values.size() / format.groups;
  for (size_t g = 0; g < format.groups; ++g) {
    const int8_t* codes = &parts.code[g * group_values];
    float* out = &values[g * group_values];
    const float scale = parts.scale[g];
    for (size_t i = 0; i < group_values; ++i)
      out[i] = scale * (format.code_unit * static_cast<float>(codes[i]));
    // Not a sum with zero where there is no offset: that would turn -0 into +0.
    if (!format.has_offset) continue;
    for (size_t i = 0; i < group_values; ++i) out[i] += parts.offset[g];
  }
}

}  // namespace kilter::quant
