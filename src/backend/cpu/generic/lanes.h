// Lanes (float/lanes.h) as an array.
#pragma once

#include "backend/cpu/float/lanes.h"
#include "quant/half.h"

namespace kilter::cpu::generic {

struct Lanes {
  static constexpr int kRegisters = 8;

  struct Ints {
    int32_t of[16];
  };
  struct Pairs;

  float of[16];

  // A lane at a time: f(i) for each.
  template <typename Function>
  static Lanes each(Function f) {
    Lanes y;
    for (int i = 0; i < 16; ++i) y.of[i] = f(i);
    return y;
  }
  template <typename Function>
  static Ints each_int(Function f) {
    Ints y;
    for (int i = 0; i < 16; ++i) y.of[i] = f(i);
    return y;
  }
  static uint16_t half_at(const std::byte* p, int i) {
    uint16_t half = 0;
    __builtin_memcpy(&half, p + 2 * i, sizeof(half));
    return half;
  }

  static Lanes all(float v) {
    return each([&](int) { return v; });
  }
  static Lanes load(const float* p) { return load_first(p, 16); }
  static Lanes load_first(const float* p, int n) {
    return each([&](int i) { return i < n ? p[i] : 0.0F; });
  }
  static Lanes load_f16(const std::byte* p) { return load_f16_first(p, 16); }
  static Lanes load_f16_first(const std::byte* p, int n) {
    return each([&](int i) { return i < n ? quant::f16_to_f32(half_at(p, i)) : 0.0F; });
  }
  static Lanes load_bf16(const std::byte* p) {
    return each([&](int i) { return quant::bf16_to_f32(half_at(p, i)); });
  }
  void store(float* p) const { store_first(p, 16); }
  void store_first(float* p, int n) const {
    for (int i = 0; i < n; ++i) p[i] = of[i];
  }
  void store_f16(std::byte* p) const {
    for (int i = 0; i < 16; ++i) {
      const uint16_t half = quant::f32_to_f16(of[i]);
      __builtin_memcpy(p + 2 * i, &half, sizeof(half));
    }
  }
  static Pairs split_pairs(const float* p);
  static void store_pairs(const Pairs& pairs, float* p);

  friend Lanes operator+(const Lanes& x, const Lanes& y) {
    return each([&](int i) { return x.of[i] + y.of[i]; });
  }
  friend Lanes operator-(const Lanes& x, const Lanes& y) {
    return each([&](int i) { return x.of[i] - y.of[i]; });
  }
  friend Lanes operator*(const Lanes& x, const Lanes& y) {
    return each([&](int i) { return x.of[i] * y.of[i]; });
  }
  friend Lanes operator/(const Lanes& x, const Lanes& y) {
    return each([&](int i) { return x.of[i] / y.of[i]; });
  }
  friend Lanes operator-(const Lanes& x) {
    return each([&](int i) { return -x.of[i]; });
  }
  friend Lanes fma(const Lanes& x, const Lanes& y, const Lanes& z) {
    return each([&](int i) { return __builtin_fmaf(x.of[i], y.of[i], z.of[i]); });
  }
  friend Lanes absolute(const Lanes& x) {
    return each([&](int i) { return __builtin_fabsf(x.of[i]); });
  }
  friend Lanes larger(const Lanes& x, const Lanes& y) {
    return each([&](int i) { return x.of[i] > y.of[i] ? x.of[i] : y.of[i]; });
  }
  friend Lanes where_less(const Lanes& x, const Lanes& y, const Lanes& a, const Lanes& b) {
    return each([&](int i) { return x.of[i] < y.of[i] ? a.of[i] : b.of[i]; });
  }
  // Two factors, each a normal number: the first product is exact, the second rounds once.
  friend Lanes times_power(const Lanes& x, const Lanes& n) {
    return each([&](int i) {
      const bool in_range = n.of[i] >= -160 && n.of[i] <= 160;
      const int whole = in_range ? static_cast<int>(n.of[i]) : 0;
      const int half = whole / 2;
      const auto power = [](int e) {
        return __builtin_bit_cast(float, static_cast<uint32_t>(e + 127) << 23);
      };
      return x.of[i] * power(half) * power(whole - half);
    });
  }

  friend float tree(const Lanes& x) {
    float y[8];
    for (int i = 0; i < 8; ++i) y[i] = x.of[i] + x.of[i + 8];
    for (int i = 0; i < 4; ++i) y[i] = y[i] + y[i + 4];
    return (y[0] + y[2]) + (y[1] + y[3]);
  }
  friend float largest(const Lanes& x) {
    float y = x.of[0];
    for (int i = 1; i < 16; ++i) y = x.of[i] > y ? x.of[i] : y;
    return y;
  }

  static Ints bits(const Lanes& x) {
    return each_int([&](int i) { return __builtin_bit_cast(int32_t, x.of[i]); });
  }
  static Ints larger_ints(const Ints& a, const Ints& b) {
    return each_int([&](int i) { return a.of[i] > b.of[i] ? a.of[i] : b.of[i]; });
  }
  static int32_t largest_int(const Ints& a) {
    int32_t y = a.of[0];
    for (int i = 1; i < 16; ++i) y = a.of[i] > y ? a.of[i] : y;
    return y;
  }
  // A sum in [2^23, 2^24) has a last place of 1: the addition rounds to a whole number.
  static Ints nearest(const Lanes& x) {
    return each_int([&](int i) {
      const float magnitude = (__builtin_fabsf(x.of[i]) + 0x1p+23F) - 0x1p+23F;
      const auto whole = magnitude < 0x1p+24F ? static_cast<int32_t>(magnitude) : 0;
      return x.of[i] < 0 ? -whole : whole;
    });
  }
  static void store_low_bytes(const Ints& a, int8_t* p) {
    for (int i = 0; i < 16; ++i) p[i] = static_cast<int8_t>(a.of[i]);
  }
  static Ints next_digits(const Ints& a) {
    return each_int([&](int i) { return (a.of[i] + 128) >> 8; });
  }
  static void group_sums(const int8_t* digits, int16_t* sums) {
    for (int g = 0; g < 16; ++g) {
      int sum = 0;
      for (int i = 0; i < 16; ++i) sum += digits[16 * g + i];
      sums[g] = static_cast<int16_t>(sum);
    }
  }
  static Ints load_ints(const std::byte* p) {
    Ints y;
    __builtin_memcpy(y.of, p, sizeof(y.of));
    return y;
  }
  static Ints widen_i8(const std::byte* p) {
    return each_int([&](int i) { return static_cast<int32_t>(static_cast<int8_t>(p[i])); });
  }
  static Ints widen_u8(const std::byte* p) {
    return each_int([&](int i) { return static_cast<int32_t>(p[i]); });
  }
  static Ints field(const Ints& a, int shift, int mask) {
    return each_int(
        [&](int i) { return static_cast<int32_t>(static_cast<uint32_t>(a.of[i]) >> shift) & mask; });
  }
  static Lanes to_floats(const Ints& a) {
    return each([&](int i) { return static_cast<float>(a.of[i]); });
  }
};

struct Lanes::Pairs {
  Lanes even;
  Lanes odd;
};

inline Lanes::Pairs Lanes::split_pairs(const float* p) {
  return {each([&](int i) { return p[2 * i]; }), each([&](int i) { return p[2 * i + 1]; })};
}

inline void Lanes::store_pairs(const Pairs& pairs, float* p) {
  for (int i = 0; i < 16; ++i) {
    p[2 * i] = pairs.even.of[i];
    p[2 * i + 1] = pairs.odd.of[i];
  }
}

static_assert(FloatLanes<Lanes>);

}  // namespace kilter::cpu::generic
