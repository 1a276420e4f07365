// Lanes (float/lanes.h) as four vectors of 64-bit Arm. The default floating-point mode is what the contract
// asks for: round to nearest, ties to even, subnormals kept, NaNs passed on quiet.
#pragma once

#include <arm_neon.h>

#include "backend/cpu/float/lanes.h"

namespace kilter::cpu::neon {

struct Lanes {
  static constexpr int kRegisters = 8;

  struct Ints {
    int32x4_t of[4];
  };
  struct Pairs;

  float32x4_t of[4];  // lanes 4 i to 4 i + 3

  // A vector at a time: f(i) for each.
  template <typename Function>
  static Lanes each(Function f) {
    return {{f(0), f(1), f(2), f(3)}};
  }
  template <typename Function>
  static Ints each_int(Function f) {
    return {{f(0), f(1), f(2), f(3)}};
  }
  static const uint8_t* as_bytes(const std::byte* p) { return reinterpret_cast<const uint8_t*>(p); }
  static uint16x4_t four_halves(const std::byte* p, int i) {
    return vreinterpret_u16_u8(vld1_u8(as_bytes(p) + 8 * i));
  }

  static Lanes all(float v) {
    return each([&](int) { return vdupq_n_f32(v); });
  }
  static Lanes load(const float* p) {
    return each([&](int i) { return vld1q_f32(p + 4 * i); });
  }
  static Lanes load_first(const float* p, int n) {
    float lanes[16] = {};
    __builtin_memcpy(lanes, p, static_cast<size_t>(n) * sizeof(float));
    return load(lanes);
  }
  static Lanes load_f16(const std::byte* p) {
    return each([&](int i) { return vcvt_f32_f16(vreinterpret_f16_u16(four_halves(p, i))); });
  }
  static Lanes load_f16_first(const std::byte* p, int n) {
    std::byte halves[32] = {};
    __builtin_memcpy(halves, p, static_cast<size_t>(n) * 2);
    return load_f16(halves);
  }
  static Lanes load_bf16(const std::byte* p) {
    return each([&](int i) { return vreinterpretq_f32_u32(vshll_n_u16(four_halves(p, i), 16)); });
  }
  void store(float* p) const {
    for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, of[i]);
  }
  void store_first(float* p, int n) const {
    float lanes[16];
    store(lanes);
    __builtin_memcpy(p, lanes, static_cast<size_t>(n) * sizeof(float));
  }
  void store_f16(std::byte* p) const {
    for (int i = 0; i < 4; ++i) {
      vst1_u8(reinterpret_cast<uint8_t*>(p) + 8 * i, vreinterpret_u8_f16(vcvt_f16_f32(of[i])));
    }
  }
  static Pairs split_pairs(const float* p);
  static void store_pairs(const Pairs& pairs, float* p);

  friend Lanes operator+(const Lanes& x, const Lanes& y) {
    return each([&](int i) { return vaddq_f32(x.of[i], y.of[i]); });
  }
  friend Lanes operator-(const Lanes& x, const Lanes& y) {
    return each([&](int i) { return vsubq_f32(x.of[i], y.of[i]); });
  }
  friend Lanes operator*(const Lanes& x, const Lanes& y) {
    return each([&](int i) { return vmulq_f32(x.of[i], y.of[i]); });
  }
  friend Lanes operator/(const Lanes& x, const Lanes& y) {
    return each([&](int i) { return vdivq_f32(x.of[i], y.of[i]); });
  }
  friend Lanes operator-(const Lanes& x) {
    return each([&](int i) { return vnegq_f32(x.of[i]); });
  }
  friend Lanes fma(const Lanes& x, const Lanes& y, const Lanes& z) {
    return each([&](int i) { return vfmaq_f32(z.of[i], x.of[i], y.of[i]); });
  }
  friend Lanes absolute(const Lanes& x) {
    return each([&](int i) { return vabsq_f32(x.of[i]); });
  }
  // A comparison and a choice: fmax would give NaN where one operand is.
  friend Lanes larger(const Lanes& x, const Lanes& y) { return where_less(y, x, x, y); }
  friend Lanes where_less(const Lanes& x, const Lanes& y, const Lanes& a, const Lanes& b) {
    return each([&](int i) { return vbslq_f32(vcltq_f32(x.of[i], y.of[i]), a.of[i], b.of[i]); });
  }
  // Two factors, each a normal number: the first product is exact, the second rounds once.
  friend Lanes times_power(const Lanes& x, const Lanes& n) {
    return each([&](int i) {
      const int32x4_t whole = vcvtnq_s32_f32(n.of[i]);
      const int32x4_t half = vshrq_n_s32(whole, 1);
      const auto power = [](int32x4_t e) {
        return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(e, vdupq_n_s32(127)), 23));
      };
      return vmulq_f32(vmulq_f32(x.of[i], power(half)), power(vsubq_s32(whole, half)));
    });
  }

  friend float tree(const Lanes& x) {
    const float32x4_t low = vaddq_f32(x.of[0], x.of[2]);   // i and i + 8, for i < 4
    const float32x4_t high = vaddq_f32(x.of[1], x.of[3]);  // and for 4 <= i < 8
    const float32x4_t four = vaddq_f32(low, high);
    const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
  }
  friend float largest(const Lanes& x) {
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(x.of[0], x.of[1]), vmaxq_f32(x.of[2], x.of[3])));
  }

  static Ints bits(const Lanes& x) {
    return each_int([&](int i) { return vreinterpretq_s32_f32(x.of[i]); });
  }
  static Ints larger_ints(const Ints& a, const Ints& b) {
    return each_int([&](int i) { return vmaxq_s32(a.of[i], b.of[i]); });
  }
  static int32_t largest_int(const Ints& a) {
    return vmaxvq_s32(vmaxq_s32(vmaxq_s32(a.of[0], a.of[1]), vmaxq_s32(a.of[2], a.of[3])));
  }
  static Ints nearest(const Lanes& x) {
    return each_int([&](int i) { return vcvtnq_s32_f32(x.of[i]); });
  }
  static void store_low_bytes(const Ints& a, int8_t* p) {
    const int16x8_t low = vcombine_s16(vmovn_s32(a.of[0]), vmovn_s32(a.of[1]));
    const int16x8_t high = vcombine_s16(vmovn_s32(a.of[2]), vmovn_s32(a.of[3]));
    vst1q_s8(p, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
  }
  static Ints next_digits(const Ints& a) {
    return each_int([&](int i) { return vshrq_n_s32(vaddq_s32(a.of[i], vdupq_n_s32(128)), 8); });
  }
  static void group_sums(const int8_t* digits, int16_t* sums) {
    for (int g = 0; g < 16; ++g) sums[g] = vaddlvq_s8(vld1q_s8(digits + 16 * g));
  }
  static Ints load_ints(const std::byte* p) {
    return each_int([&](int i) { return vreinterpretq_s32_u8(vld1q_u8(as_bytes(p) + 16 * i)); });
  }
  static Ints widen_i8(const std::byte* p) {
    const int8x16_t bytes = vreinterpretq_s8_u8(vld1q_u8(as_bytes(p)));
    const int16x8_t low = vmovl_s8(vget_low_s8(bytes));
    const int16x8_t high = vmovl_s8(vget_high_s8(bytes));
    return {{vmovl_s16(vget_low_s16(low)), vmovl_s16(vget_high_s16(low)), vmovl_s16(vget_low_s16(high)),
             vmovl_s16(vget_high_s16(high))}};
  }
  static Ints widen_u8(const std::byte* p) {
    const uint8x16_t bytes = vld1q_u8(as_bytes(p));
    const uint16x8_t low = vmovl_u8(vget_low_u8(bytes));
    const uint16x8_t high = vmovl_u8(vget_high_u8(bytes));
    const auto widened = [](uint16x4_t four) { return vreinterpretq_s32_u32(vmovl_u16(four)); };
    return {{widened(vget_low_u16(low)), widened(vget_high_u16(low)), widened(vget_low_u16(high)),
             widened(vget_high_u16(high))}};
  }
  // A shift by a negative count goes to the right; on unsigned lanes it is the logical one.
  static Ints field(const Ints& a, int shift, int mask) {
    return each_int([&](int i) {
      const uint32x4_t shifted = vshlq_u32(vreinterpretq_u32_s32(a.of[i]), vdupq_n_s32(-shift));
      return vandq_s32(vreinterpretq_s32_u32(shifted), vdupq_n_s32(mask));
    });
  }
  static Lanes to_floats(const Ints& a) {
    return each([&](int i) { return vcvtq_f32_s32(a.of[i]); });
  }
};

struct Lanes::Pairs {
  Lanes even;
  Lanes odd;
};

inline Lanes::Pairs Lanes::split_pairs(const float* p) {
  Pairs pairs;
  for (int i = 0; i < 4; ++i) {
    const float32x4x2_t split = vld2q_f32(p + 8 * i);
    pairs.even.of[i] = split.val[0];
    pairs.odd.of[i] = split.val[1];
  }
  return pairs;
}

inline void Lanes::store_pairs(const Pairs& pairs, float* p) {
  for (int i = 0; i < 4; ++i) {
    const float32x4x2_t both{{pairs.even.of[i], pairs.odd.of[i]}};
    vst2q_f32(p + 8 * i, both);
  }
}

static_assert(FloatLanes<Lanes>);

}  // namespace kilter::cpu::neon
