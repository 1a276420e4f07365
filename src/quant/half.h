// Conversions between f32 and the two 16-bit float formats in integers: the same bits on every machine.
#pragma once

#include <bit>
#include <cstdint>

namespace kilter::quant {

/// The number that 16 bits mean as IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits.
/// Rounding none: every f16 is an f32. A NaN keeps sign and payload and becomes quiet, as ggml and the
/// hardware (vcvtph2ps) do it.
/// Source   IEEE 754-2019, 3.4 and 6.2.
constexpr float f16_to_f32(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  const uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0x1f) {
    const uint32_t quiet = fraction == 0 ? 0u : 0x0040'0000u;
    return std::bit_cast<float>(sign | 0x7f80'0000u | quiet | fraction << 13);
  }
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  // Zero or subnormal, fraction * 2^-24: the conversion and the product by a power of two are exact.
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
}

/// The binary16 nearest to `value`, ties to even; subnormals are kept, too large becomes infinity.
/// Every NaN becomes the one quiet NaN 0x7e00 with the sign of `value`, as ggml's encoder gives it.
constexpr uint16_t f32_to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fff'ffffu;
  if (magnitude > 0x7f80'0000u) return static_cast<uint16_t>(sign | 0x7e00u);
  // 65520 is half way between the largest f16, 65504, and the 65536 that would follow: up, to infinity.
  if (magnitude >= std::bit_cast<uint32_t>(65520.0f)) return static_cast<uint16_t>(sign | 0x7c00u);

  const uint32_t exponent = magnitude >> 23;
  if (exponent < 102) return static_cast<uint16_t>(sign);  // below half of 2^-24, the smallest f16
  const bool normal = exponent >= 113;                     // 2^-14 and above
  // A normal f16 keeps exponent and fraction in place; a subnormal one counts units of 2^-24.
  const uint32_t significand = normal ? magnitude - (112u << 23) : (magnitude & 0x007f'ffffu) | 0x0080'0000u;
  const uint32_t dropped_bits = normal ? 13 : 126 - exponent;

  const uint32_t kept = significand >> dropped_bits;
  const uint32_t rest = significand & ((1u << dropped_bits) - 1);
  const uint32_t half = 1u << (dropped_bits - 1);
  const bool round_up = rest > half || (rest == half && (kept & 1u) != 0);
  return static_cast<uint16_t>(sign | (kept + (round_up ? 1u : 0u)));  // a carry into the exponent is right
}

/// The number that 16 bits mean as bfloat16: the upper half of an f32. Bits are kept, those of a NaN too.
constexpr float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

/// The bfloat16 nearest to `value`, ties to even. A NaN keeps its sign and upper payload and becomes quiet.
constexpr uint16_t f32_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fff'ffffu) > 0x7f80'0000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace kilter::quant
