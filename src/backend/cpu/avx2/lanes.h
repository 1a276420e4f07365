// Lanes (float/lanes.h) as two ymm registers.
#pragma once

#include <immintrin.h>

#include "backend/cpu/float/lanes.h"

namespace kilter::cpu::avx2 {

struct Lanes {
  static constexpr int kRegisters = 8;

  struct Ints {
    __m256i low;
    __m256i high;
  };
  struct Pairs;

  __m256 low;   // lanes 0 to 7
  __m256 high;  // lanes 8 to 15

  // All bits in lanes [begin, begin + 8) that are below n.
  static __m256i first(int n, int begin) {
    const __m256i lane = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n - begin), lane);
  }

  static Lanes all(float v) { return {_mm256_set1_ps(v), _mm256_set1_ps(v)}; }
  static Lanes load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static Lanes load_first(const float* p, int n) {
    return {_mm256_maskload_ps(p, first(n, 0)), _mm256_maskload_ps(p + 8, first(n, 8))};
  }
  static Lanes load_f16(const std::byte* p) {
    const auto* halves = reinterpret_cast<const __m128i*>(p);
    return {_mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_cvtph_ps(_mm_loadu_si128(halves + 1))};
  }
  static Lanes load_f16_first(const std::byte* p, int n) {
    std::byte halves[32] = {};
    __builtin_memcpy(halves, p, static_cast<size_t>(n) * 2);
    return load_f16(halves);
  }
  static Lanes load_bf16(const std::byte* p) {
    const auto* halves = reinterpret_cast<const __m128i*>(p);
    const auto widened = [](__m128i eight) {
      return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(eight), 16));
    };
    return {widened(_mm_loadu_si128(halves)), widened(_mm_loadu_si128(halves + 1))};
  }
  void store(float* p) const {
    _mm256_storeu_ps(p, low);
    _mm256_storeu_ps(p + 8, high);
  }
  void store_first(float* p, int n) const {
    _mm256_maskstore_ps(p, first(n, 0), low);
    _mm256_maskstore_ps(p + 8, first(n, 8), high);
  }
  void store_f16(std::byte* p) const {
    constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    auto* halves = reinterpret_cast<__m128i*>(p);
    _mm_storeu_si128(halves, _mm256_cvtps_ph(low, kNearest));
    _mm_storeu_si128(halves + 1, _mm256_cvtps_ph(high, kNearest));
  }
  static Pairs split_pairs(const float* p);
  static void store_pairs(const Pairs& pairs, float* p);

  friend Lanes operator+(Lanes x, Lanes y) {
    return {_mm256_add_ps(x.low, y.low), _mm256_add_ps(x.high, y.high)};
  }
  friend Lanes operator-(Lanes x, Lanes y) {
    return {_mm256_sub_ps(x.low, y.low), _mm256_sub_ps(x.high, y.high)};
  }
  friend Lanes operator*(Lanes x, Lanes y) {
    return {_mm256_mul_ps(x.low, y.low), _mm256_mul_ps(x.high, y.high)};
  }
  friend Lanes operator/(Lanes x, Lanes y) {
    return {_mm256_div_ps(x.low, y.low), _mm256_div_ps(x.high, y.high)};
  }
  friend Lanes operator-(Lanes x) {
    const __m256 sign = _mm256_set1_ps(-0.0F);
    return {_mm256_xor_ps(x.low, sign), _mm256_xor_ps(x.high, sign)};
  }
  friend Lanes fma(Lanes x, Lanes y, Lanes z) {
    return {_mm256_fmadd_ps(x.low, y.low, z.low), _mm256_fmadd_ps(x.high, y.high, z.high)};
  }
  friend Lanes absolute(Lanes x) {
    const __m256 sign = _mm256_set1_ps(-0.0F);
    return {_mm256_andnot_ps(sign, x.low), _mm256_andnot_ps(sign, x.high)};
  }
  // vmaxps gives its second operand where one is NaN: that is x > y ? x : y. Of two zeros it gives the
  // second.
  friend Lanes larger(Lanes x, Lanes y) {
    return {_mm256_max_ps(x.low, y.low), _mm256_max_ps(x.high, y.high)};
  }
  friend Lanes where_less(Lanes x, Lanes y, Lanes a, Lanes b) {
    return {_mm256_blendv_ps(b.low, a.low, _mm256_cmp_ps(x.low, y.low, _CMP_LT_OQ)),
            _mm256_blendv_ps(b.high, a.high, _mm256_cmp_ps(x.high, y.high, _CMP_LT_OQ))};
  }
  friend Lanes times_power(Lanes x, Lanes n) {
    return {times_power(x.low, n.low), times_power(x.high, n.high)};
  }

  friend float tree(Lanes x) {
    const __m256 eight = _mm256_add_ps(x.low, x.high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
  }
  friend float largest(Lanes x) {
    const __m256 eight = _mm256_max_ps(x.low, x.high);
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
  }

  static Ints bits(Lanes x) { return {_mm256_castps_si256(x.low), _mm256_castps_si256(x.high)}; }
  static Ints larger_ints(Ints a, Ints b) {
    return {_mm256_max_epi32(a.low, b.low), _mm256_max_epi32(a.high, b.high)};
  }
  static int32_t largest_int(Ints a) {
    const __m256i eight = _mm256_max_epi32(a.low, a.high);
    const __m128i four = _mm_max_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    const __m128i two = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
  }
  static Ints nearest(Lanes x) { return {_mm256_cvtps_epi32(x.low), _mm256_cvtps_epi32(x.high)}; }
  static void store_low_bytes(Ints a, int8_t* p);
  static Ints next_digits(Ints a) {
    const __m256i half = _mm256_set1_epi32(128);
    return {_mm256_srai_epi32(_mm256_add_epi32(a.low, half), 8),
            _mm256_srai_epi32(_mm256_add_epi32(a.high, half), 8)};
  }
  static void group_sums(const int8_t* digits, int16_t* sums);

  static Ints load_ints(const std::byte* p) {
    const auto* ints = reinterpret_cast<const __m256i*>(p);
    return {_mm256_loadu_si256(ints), _mm256_loadu_si256(ints + 1)};
  }
  static Ints widen_i8(const std::byte* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8))};
  }
  static Ints widen_u8(const std::byte* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
  }
  static Ints field(Ints a, int shift, int mask) {
    const __m128i count = _mm_cvtsi32_si128(shift);
    const __m256i bits = _mm256_set1_epi32(mask);
    return {_mm256_and_si256(_mm256_srl_epi32(a.low, count), bits),
            _mm256_and_si256(_mm256_srl_epi32(a.high, count), bits)};
  }
  static Lanes to_floats(Ints a) { return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }

 private:
  // Two factors, each a normal number: the first product is exact, the second rounds once.
  static __m256 times_power(__m256 x, __m256 n) {
    const __m256i whole = _mm256_cvtps_epi32(n);
    const __m256i half = _mm256_srai_epi32(whole, 1);
    const __m256i bias = _mm256_set1_epi32(127);
    const auto power = [&](__m256i e) {
      return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(e, bias), 23));
    };
    return _mm256_mul_ps(_mm256_mul_ps(x, power(half)), power(_mm256_sub_epi32(whole, half)));
  }
};

struct Lanes::Pairs {
  Lanes even;
  Lanes odd;
};

// vshufps and vpunpck work inside halves of 4 floats; the permutations bring the halves in order.
inline Lanes::Pairs Lanes::split_pairs(const float* p) {
  const auto ordered = [](__m256 x) {
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(x), 0xd8));
  };
  const Lanes a = load(p);
  const Lanes b = load(p + 16);
  return {{ordered(_mm256_shuffle_ps(a.low, a.high, 0x88)), ordered(_mm256_shuffle_ps(b.low, b.high, 0x88))},
          {ordered(_mm256_shuffle_ps(a.low, a.high, 0xdd)), ordered(_mm256_shuffle_ps(b.low, b.high, 0xdd))}};
}

inline void Lanes::store_pairs(const Pairs& pairs, float* p) {
  const auto put = [](__m256 even, __m256 odd, float* to) {
    const __m256 a = _mm256_unpacklo_ps(even, odd);  // pairs 0 1 4 5
    const __m256 b = _mm256_unpackhi_ps(even, odd);  // pairs 2 3 6 7
    _mm256_storeu_ps(to, _mm256_permute2f128_ps(a, b, 0x20));
    _mm256_storeu_ps(to + 8, _mm256_permute2f128_ps(a, b, 0x31));
  };
  put(pairs.even.low, pairs.odd.low, p);
  put(pairs.even.high, pairs.odd.high, p + 16);
}

// The packing instructions saturate, so the upper bytes go first.
inline void Lanes::store_low_bytes(Ints a, int8_t* p) {
  const __m256i mask = _mm256_set1_epi32(255);
  const __m256i words = _mm256_packus_epi32(_mm256_and_si256(a.low, mask), _mm256_and_si256(a.high, mask));
  const __m256i ordered = _mm256_permute4x64_epi64(words, 0xd8);
  const __m256i bytes = _mm256_packus_epi16(ordered, ordered);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm_unpacklo_epi64(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1)));
}

// vpsadbw adds 8 unsigned bytes to a 64-bit lane. Digits become unsigned by inverting their upper bit, which
// adds 128 each. A group is two lanes; two registers a and b at a time are brought together so that a lane
// holds one: A0 B0 | A1 B1. Packed with the next two: A0 - B0 - C0 - D0 - | A1 - B1 - C1 - D1 -.
inline void Lanes::group_sums(const int8_t* digits, int16_t* sums) {
  const __m256i flip = _mm256_set1_epi8(static_cast<char>(0x80));
  const auto eights = [&](const int8_t* p) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm256_sad_epu8(_mm256_xor_si256(bytes, flip), _mm256_setzero_si256());
  };
  const auto groups = [&](const int8_t* p) {
    const __m256i a = eights(p);
    const __m256i b = eights(p + 32);
    return _mm256_add_epi64(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
  };
  for (int half = 0; half < 2; ++half) {
    const int8_t* p = digits + 128 * half;
    const __m256i packed = _mm256_packs_epi32(groups(p), groups(p + 64));
    const __m128i odd = _mm_slli_epi32(_mm256_extracti128_si256(packed, 1), 16);
    const __m128i all = _mm_or_si128(_mm256_castsi256_si128(packed), odd);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(sums + 8 * half),
                     _mm_sub_epi16(all, _mm_set1_epi16(16 * 128)));
  }
}

static_assert(FloatLanes<Lanes>);

}  // namespace kilter::cpu::avx2
