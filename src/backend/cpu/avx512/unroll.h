// Small pieces that the kernels of this folder are written with. All of it is inlined.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace kilter::cpu::avx512 {
namespace {

template <int i>
struct Index {
  static constexpr int value = i;
  constexpr operator int() const { return i; }
};

/// step(Index<0>), step(Index<1>) ... : the loop over registers, which have no addresses.
template <int n, int i = 0, class Step>
[[gnu::always_inline]] inline void unroll(const Step& step) {
  if constexpr (i < n) {
    step(Index<i>{});
    unroll<n, i + 1>(step);
  }
}

/// `n` registers, or rows of two: one for each panel of a pair.
template <int n>
using Vectors = __m512i[static_cast<size_t>(n)];
template <int n>
using Pairs = __m512i[static_cast<size_t>(n)][2];
template <int n>
using FloatPairs = __m512[static_cast<size_t>(n)][2];

/// Four digits, or two 16-bit numbers, in every lane: a vpbroadcastd from memory needs a load port only.
[[gnu::always_inline]] inline __m512i broadcast32(const void* from) {
  int32_t bits;
  std::memcpy(&bits, from, sizeof(bits));
  return _mm512_set1_epi32(bits);
}

[[gnu::always_inline]] inline __m512i load512(const void* from) { return _mm512_loadu_si512(from); }

/// f(S) of kernel_table.h for one lane of each plane.
template <int planes>
[[gnu::always_inline]] inline __m512 joined(const __m512i* sums) {
  __m512 f = _mm512_cvtepi32_ps(sums[0]);
  if constexpr (planes >= 2) f = _mm512_fmadd_ps(_mm512_set1_ps(256.0F), _mm512_cvtepi32_ps(sums[1]), f);
  if constexpr (planes == 3) f = _mm512_fmadd_ps(_mm512_set1_ps(65536.0F), _mm512_cvtepi32_ps(sums[2]), f);
  return f;
}

}  // namespace
}  // namespace kilter::cpu::avx512
