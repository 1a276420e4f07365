// What both families of integer kernels do with registers of 16 lanes. All of it is inlined: the loops over
// tokens, planes and panels are loops over registers, and have to vanish.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "backend/cpu/avx512/integer_matmul_block.h"

namespace kilter::cpu::avx512 {
namespace {

template <int i>
struct Index {
  static constexpr int value = i;
  constexpr operator int() const { return i; }
};

/// step(Index<0>), step(Index<1>) ... : registers have no addresses to count through.
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

/// Piece `step` of the digits of the next tile, `bytes` long, into the L1 cache: there are 24 lines a tile,
/// and load ports to spare.
template <int bytes>
[[gnu::always_inline]] inline void prefetch_digits(const int8_t* next, int64_t step) {
  for (int i = 0; i < bytes; i += 64) _mm_prefetch(next + step * bytes + i, _MM_HINT_T0);
}

/// acc = fma(scale, x, acc) for one token and one panel: the last line of the sum of kernel_table.h.
[[gnu::always_inline]] inline void accumulate(const BlockJob& job, int64_t t, int v, __m512 x) {
  const __m512 scale = _mm512_set1_ps(job.x->scale[job.block * job.x->rows + t]);
  const __m512 acc = _mm512_load_ps(job.acc + t * kPairRows + v * kPanelRows);
  _mm512_mask_storeu_ps(job.to + t * job.to_stride + v * kPanelRows, job.mask[v],
                        _mm512_fmadd_ps(scale, x, acc));
}

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
