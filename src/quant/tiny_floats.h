// The 8-bit float formats that scale 4-bit floats: E8M0 and UE4M3.
#pragma once

#include <bit>
#include <cstdint>

namespace kilter::quant {

/// Half of the power of two 2^(bits - 127): the codes of MXFP4 are doubled to be integers, so the scale is
/// halved. 0xff, a NaN in the OCP specification, is 2^127 here, as ggml and gguf-py read it.
/// Source   OCP Microscaling Formats 1.0, 5.4.1 (E8M0).
constexpr float half_of_e8m0(uint8_t bits) {
  // 2^-128 and 2^-127 are subnormal in f32.
  return std::bit_cast<float>(bits < 2 ? 0x0020'0000u << bits : static_cast<uint32_t>(bits - 1) << 23);
}

/// The unsigned float of 4 exponent bits (bias 7) and 3 fraction bits in the low 7 bits.
/// 0x7f, a NaN in the OCP specification, is 0 as in ggml and gguf-py; so is 0x80. The eighth bit is
/// otherwise ignored: 0xff is 480.
/// Source   OCP 8-bit Floating Point 1.0 (E4M3), without the sign.
constexpr float ue4m3_to_f32(uint8_t bits) {
  if (bits == 0x7f) return 0.0f;
  const uint32_t exponent = (bits >> 3) & 0xfu;
  const uint32_t fraction = bits & 0x7u;
  if (exponent == 0) return static_cast<float>(fraction) * 0x1p-9f;
  return std::bit_cast<float>((exponent + 120) << 23 | fraction << 20);
}

}  // namespace kilter::quant
