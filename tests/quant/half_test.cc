#include "quant/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "quant/tiny_floats.h"

namespace kilter::quant {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

uint32_t bits_of(float x) { return std::bit_cast<uint32_t>(x); }

// The formula of IEEE 754-2019, 3.4, in f64.
double f16_by_definition(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = bits & 1023;
  const double magnitude = exponent == 0 ? fraction * 0x1p-24 : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

TEST(F16ToF32, IsTheDefinitionForEveryFiniteNumber) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    if ((half & 0x7c00) == 0x7c00) continue;
    const auto expected = static_cast<float>(f16_by_definition(half));
    ASSERT_EQ(bits_of(f16_to_f32(half)), bits_of(expected)) << std::hex << bits;
  }
}

TEST(F16ToF32, KeepsInfinityAndMakesNanQuiet) {
  EXPECT_EQ(f16_to_f32(0x7c00), kInfinity);
  EXPECT_EQ(f16_to_f32(0xfc00), -kInfinity);
  EXPECT_EQ(bits_of(f16_to_f32(0x7e01)), 0x7fc02000u);
  EXPECT_EQ(bits_of(f16_to_f32(0xfd01)), 0xffe02000u)
      << "signalling: sign and payload stay, the quiet bit is set";
}

TEST(F32ToF16, GivesEveryF16Back) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    if (std::isnan(f16_to_f32(half))) continue;
    ASSERT_EQ(f32_to_f16(f16_to_f32(half)), half);
  }
}

TEST(F32ToF16, RoundsToNearestAndTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const auto low = static_cast<uint16_t>(bits);
    const auto high = static_cast<uint16_t>(bits + 1);
    const float middle = (f16_to_f32(low) + f16_to_f32(high)) / 2;  // exact: 12 significant bits
    const uint16_t even = (low & 1) == 0 ? low : high;
    ASSERT_EQ(f32_to_f16(middle), even) << std::hex << bits;
    ASSERT_EQ(f32_to_f16(-middle), even | 0x8000) << std::hex << bits;
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 0.0f)), low) << std::hex << bits;
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, kInfinity)), high) << std::hex << bits;
  }
}

TEST(F32ToF16, HandlesTheEnds) {
  EXPECT_EQ(f32_to_f16(65519.996f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(f32_to_f16(-3e38f), 0xfc00);
  EXPECT_EQ(f32_to_f16(kInfinity), 0x7c00);
  EXPECT_EQ(f32_to_f16(1e-45f), 0x0000);
  EXPECT_EQ(f32_to_f16(-1e-45f), 0x8000);
  EXPECT_EQ(f32_to_f16(-0.0f), 0x8000);
  EXPECT_EQ(f32_to_f16(std::bit_cast<float>(0x7f800001u)), 0x7e00);
  EXPECT_EQ(f32_to_f16(std::bit_cast<float>(0xffc12345u)), 0xfe00);
}

TEST(Bf16, RoundsToNearestAndTiesToEven) {
  EXPECT_EQ(f32_to_bf16(1.0f), 0x3f80);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3f808000u)), 0x3f80) << "tie, even below";
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3f818000u)), 0x3f82) << "tie, even above";
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x3f808001u)), 0x3f81);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x7f7fffffu)), 0x7f80) << "the largest f32 rounds to infinity";
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x00008001u)), 0x0001) << "subnormals are kept";
}

TEST(Bf16, KeepsNanANan) {
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x7f800001u)), 0x7fc0);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0xffff0000u)), 0xffff);
}

TEST(Bf16, IsTheUpperHalfOfAnF32) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    ASSERT_EQ(bits_of(bf16_to_f32(static_cast<uint16_t>(bits))), bits << 16);
  }
}

TEST(E8m0, IsHalfAPowerOfTwo) {
  for (int bits = 0; bits < 256; ++bits) {
    ASSERT_EQ(half_of_e8m0(static_cast<uint8_t>(bits)), std::ldexp(1.0, bits - 128)) << bits;
  }
}

TEST(Ue4m3, IsTheDefinitionButForNanAndTheEighthBit) {
  for (int bits = 0; bits < 0x7f; ++bits) {
    const int exponent = bits >> 3;
    const double expected = exponent == 0 ? bits * 0x1p-9 : std::ldexp(8 + (bits & 7), exponent - 10);
    ASSERT_EQ(ue4m3_to_f32(static_cast<uint8_t>(bits)), expected) << bits;
    ASSERT_EQ(ue4m3_to_f32(static_cast<uint8_t>(bits | 0x80)), expected) << bits;
  }
  EXPECT_EQ(ue4m3_to_f32(0x7f), 0.0f);
  EXPECT_EQ(ue4m3_to_f32(0xff), 480.0f);
}

}  // namespace
}  // namespace kilter::quant
