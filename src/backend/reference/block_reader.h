// The bytes of one block, read field by field. All fields are little-endian, lowest bits first.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace kilter::reference {

/// A number written in `exponent_bits` and `mantissa_bits`, biased, with subnormals (IEEE 754-2019, 3.4).
/// The all-ones exponent means infinity or NaN.
/// Exact for every f16 and bf16.
inline double ieee_number(uint32_t bits, int exponent_bits, int mantissa_bits) {
  const uint32_t mantissa = bits & ((1U << mantissa_bits) - 1);
  const int exponent = static_cast<int>(bits >> mantissa_bits & ((1U << exponent_bits) - 1));
  const double sign = (bits >> (exponent_bits + mantissa_bits)) != 0 ? -1.0 : 1.0;
  const int largest = (1 << exponent_bits) - 1;
  if (exponent == largest && mantissa != 0) return std::numeric_limits<double>::quiet_NaN();
  if (exponent == largest) return sign * std::numeric_limits<double>::infinity();
  const uint32_t hidden = exponent == 0 ? 0 : 1U << mantissa_bits;
  const int power = (exponent == 0 ? 1 : exponent) - largest / 2 - mantissa_bits;
  const auto two_to_power = std::bit_cast<double>(static_cast<uint64_t>(1023 + power) << 52);
  return sign * static_cast<double>(hidden + mantissa) * two_to_power;
}

class Block {
 public:
  explicit Block(const std::byte* bytes) : bytes_(bytes) {}

  int u8(int at) const { return std::to_integer<int>(bytes_[at]); }
  int i8(int at) const { return static_cast<int8_t>(u8(at)); }
  uint32_t u16(int at) const { return static_cast<uint32_t>(u8(at) | u8(at + 1) << 8); }
  uint32_t u32(int at) const { return u16(at) | u16(at + 2) << 16; }
  uint64_t u64(int at) const { return u32(at) | static_cast<uint64_t>(u32(at + 4)) << 32; }
  double f16(int at) const { return ieee_number(u16(at), 5, 10); }

  /// Number `i` of the `width`-bit numbers that are packed from byte `at` on; width divides 8.
  int packed(int at, int i, int width) const {
    const int first_bit = i * width;
    return u8(at + first_bit / 8) >> first_bit % 8 & ((1 << width) - 1);
  }

 private:
  const std::byte* bytes_;
};

}  // namespace kilter::reference
