// Lanes (float/lanes.h) as one zmm register.
#pragma once

#include <immintrin.h>

#include "backend/cpu/float/lanes.h"

namespace kilter::cpu::avx512 {

struct Lanes {
  static constexpr int kRegisters = 32;

  struct Ints {
    __m512i of;
  };
  struct Pairs;

  __m512 of;

  static __mmask16 first(int n) { return static_cast<__mmask16>((1U << n) - 1); }

  static Lanes all(float v) { return {_mm512_set1_ps(v)}; }
  static Lanes load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Lanes load_first(const float* p, int n) { return {_mm512_maskz_loadu_ps(first(n), p)}; }
  static Lanes load_f16(const std::byte* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  static Lanes load_f16_first(const std::byte* p, int n) {
    return {_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(n), p))};
  }
  static Lanes load_bf16(const std::byte* p) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16))};
  }
  void store(float* p) const { _mm512_storeu_ps(p, of); }
  void store_first(float* p, int n) const { _mm512_mask_storeu_ps(p, first(n), of); }
  void store_f16(std::byte* p) const {
    const __m256i halves = _mm512_cvtps_ph(of, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), halves);
  }
  static Pairs split_pairs(const float* p);
  static void store_pairs(const Pairs& pairs, float* p);

  friend Lanes operator+(Lanes x, Lanes y) { return {_mm512_add_ps(x.of, y.of)}; }
  friend Lanes operator-(Lanes x, Lanes y) { return {_mm512_sub_ps(x.of, y.of)}; }
  friend Lanes operator*(Lanes x, Lanes y) { return {_mm512_mul_ps(x.of, y.of)}; }
  friend Lanes operator/(Lanes x, Lanes y) { return {_mm512_div_ps(x.of, y.of)}; }
  friend Lanes operator-(Lanes x) { return {_mm512_xor_ps(x.of, _mm512_set1_ps(-0.0F))}; }
  friend Lanes fma(Lanes x, Lanes y, Lanes z) { return {_mm512_fmadd_ps(x.of, y.of, z.of)}; }
  friend Lanes absolute(Lanes x) { return {_mm512_andnot_ps(_mm512_set1_ps(-0.0F), x.of)}; }
  // vmaxps gives its second operand where one is NaN: that is x > y ? x : y. Of two zeros it gives the
  // second.
  friend Lanes larger(Lanes x, Lanes y) { return {_mm512_max_ps(x.of, y.of)}; }
  friend Lanes where_less(Lanes x, Lanes y, Lanes a, Lanes b) {
    return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(x.of, y.of, _CMP_LT_OQ), b.of, a.of)};
  }
  friend Lanes times_power(Lanes x, Lanes n) { return {_mm512_scalef_ps(x.of, n.of)}; }

  friend float tree(Lanes x) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(x.of), _mm512_extractf32x8_ps(x.of, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
  }
  friend float largest(Lanes x) { return _mm512_reduce_max_ps(x.of); }

  static Ints bits(Lanes x) { return {_mm512_castps_si512(x.of)}; }
  static Ints larger_ints(Ints a, Ints b) { return {_mm512_max_epi32(a.of, b.of)}; }
  static int32_t largest_int(Ints a) { return _mm512_reduce_max_epi32(a.of); }
  static Ints nearest(Lanes x) { return {_mm512_cvtps_epi32(x.of)}; }
  static void store_low_bytes(Ints a, int8_t* p) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a.of));
  }
  static Ints next_digits(Ints a) {
    return {_mm512_srai_epi32(_mm512_add_epi32(a.of, _mm512_set1_epi32(128)), 8)};
  }
  static void group_sums(const int8_t* digits, int16_t* sums);

  static Ints load_ints(const std::byte* p) { return {_mm512_loadu_si512(p)}; }
  static Ints widen_i8(const std::byte* p) {
    return {_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
  }
  static Ints widen_u8(const std::byte* p) {
    return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
  }
  static Ints field(Ints a, int shift, int mask) {
    const __m512i shifted = _mm512_srl_epi32(a.of, _mm_cvtsi32_si128(shift));
    return {_mm512_and_si512(shifted, _mm512_set1_epi32(mask))};
  }
  static Lanes to_floats(Ints a) { return {_mm512_cvtepi32_ps(a.of)}; }
};

struct Lanes::Pairs {
  Lanes even;
  Lanes odd;
};

inline Lanes::Pairs Lanes::split_pairs(const float* p) {
  const __m512i evens = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
  const __m512i odds = _mm512_or_si512(evens, _mm512_set1_epi32(1));
  const __m512 low = _mm512_loadu_ps(p);
  const __m512 high = _mm512_loadu_ps(p + 16);
  return {{_mm512_permutex2var_ps(low, evens, high)}, {_mm512_permutex2var_ps(low, odds, high)}};
}

inline void Lanes::store_pairs(const Pairs& pairs, float* p) {
  const __m512i low = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const __m512i high = _mm512_or_si512(low, _mm512_set1_epi32(8));
  _mm512_storeu_ps(p, _mm512_permutex2var_ps(pairs.even.of, low, pairs.odd.of));
  _mm512_storeu_ps(p + 16, _mm512_permutex2var_ps(pairs.even.of, high, pairs.odd.of));
}

// vpsadbw adds 8 unsigned bytes to a 64-bit lane. Digits become unsigned by inverting their upper bit, which
// adds 128 each. A group is two lanes; two registers at a time are brought together so that a lane holds one.
inline void Lanes::group_sums(const int8_t* digits, int16_t* sums) {
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(0x80));
  const __m512i zero = _mm512_setzero_si512();
  // Words A0 B0 A1 B1 A2 B2 A3 B3 to A0 A1 A2 A3 B0 B1 B2 B3.
  const __m128i order = _mm_set_epi8(15, 14, 11, 10, 7, 6, 3, 2, 13, 12, 9, 8, 5, 4, 1, 0);
  for (int half = 0; half < 2; ++half) {
    const __m512i a = _mm512_sad_epu8(_mm512_xor_si512(_mm512_loadu_si512(digits + 128 * half), flip), zero);
    const __m512i b =
        _mm512_sad_epu8(_mm512_xor_si512(_mm512_loadu_si512(digits + 128 * half + 64), flip), zero);
    const __m512i both = _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    const __m128i ordered = _mm_shuffle_epi8(_mm512_cvtepi64_epi16(both), order);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(sums + 8 * half),
                     _mm_sub_epi16(ordered, _mm_set1_epi16(16 * 128)));
  }
}

static_assert(FloatLanes<Lanes>);

}  // namespace kilter::cpu::avx512
