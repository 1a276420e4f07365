// MatmulJob on tiles: which schedule a block type runs on.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "backend/cpu/amx/panel_walk.h"

namespace kilter::cpu::amx {

/// Sums of 32 neighbouring digits, [column][8] int16: at most 32 * 128 in size.
inline void pair_sums(const QuantisedRows& x, int64_t block, std::byte* to) {
  const int64_t first = x.column(block, 0);
  const __m256i ones = _mm256_set1_epi16(1);
  for (int64_t column = 0; column < x.rows * x.planes; ++column) {
    const auto* sums = reinterpret_cast<const __m256i*>(x.sums + (first + column) * 16);
    const __m256i pairs = _mm256_madd_epi16(_mm256_loadu_si256(sums), ones);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + column * 16), _mm256_cvtepi32_epi16(pairs));
  }
}

/// f(T) of groups of 32, [token][16] of which 8 are used. |T_p| <= 4096, so the planes join in 31 bits, and
/// one conversion rounds as the fma of the definition.
inline void group_totals(const QuantisedRows& x, int64_t block, std::byte* to) {
  const __m256i ones = _mm256_set1_epi16(1);
  for (int64_t token = 0; token < x.rows; ++token) {
    const int16_t* sums = x.sums + x.column(block, token) * 16;
    __m256i total = _mm256_setzero_si256();
    for (int64_t plane = x.planes - 1; plane >= 0; --plane) {
      const auto* of_plane = reinterpret_cast<const __m256i*>(sums + plane * 16);
      const __m256i pairs = _mm256_madd_epi16(_mm256_loadu_si256(of_plane), ones);
      total = _mm256_add_epi32(_mm256_slli_epi32(total, 8), pairs);
    }
    _mm256_storeu_ps(reinterpret_cast<float*>(to + token * 64), _mm256_cvtepi32_ps(total));
  }
}

template <typename Tiles, int kPlanes, Codes kCodes, int kUnit, Fold kFold, int kZero>
void folded_matmul(const MatmulJob& job) {
  constexpr int pairs = kFold == Fold::product ? 0 : kBlockValues / kUnit / 2;
  using Product = FoldedProduct<Tiles, kPlanes, kFold, pairs>;
  const auto open = [](const std::byte* bytes, int64_t, const PanelFormat&, FoldedPanel& panel) {
    fold_panel<kCodes, kUnit, kFold, kZero>(bytes, panel);
  };
  PanelWalk<Tiles, Product, FoldedPanel>(job, open, pairs == 4 ? pair_sums : nullptr).run();
}

template <typename Tiles, int kPlanes, int kGroup, bool kOffset>
void group_matmul(const MatmulJob& job) {
  using Walk = PanelWalk<Tiles, GroupProduct<Tiles, kPlanes, kGroup, kOffset>, GroupPanel>;
  typename Walk::Open open = open_panel<Codes::byte>;
  if (job.w->format.codes == Codes::nibble) open = open_panel<Codes::nibble>;
  if (job.w->format.codes == Codes::nibble_1) open = open_panel<Codes::nibble_1>;
  if (job.w->format.codes == Codes::nibble_2) open = open_panel<Codes::nibble_2>;
  Walk(job, open, kOffset ? group_totals : nullptr).run();
}

/// False: there is no schedule for this format.
template <typename Tiles, int kPlanes>
bool tile_matmul_of(const MatmulJob& job) {
  const PanelFormat& f = job.w->format;
  if (f.scales == Scales::integer) {
    const bool small_units = f.unit == 16;
    if (f.has_offset && f.codes == Codes::nibble && small_units) {
      folded_matmul<Tiles, kPlanes, Codes::nibble, 16, Fold::scale, 0>(job);  // Q2_K
    } else if (f.has_offset && f.codes == Codes::nibble) {
      folded_matmul<Tiles, kPlanes, Codes::nibble, 32, Fold::scale, 0>(job);  // Q4_K
    } else if (f.has_offset && f.codes == Codes::nibble_1 && !small_units) {
      folded_matmul<Tiles, kPlanes, Codes::nibble_1, 32, Fold::scale, 0>(job);  // Q5_K
    } else if (!f.has_offset && f.codes == Codes::nibble && small_units && f.zero == 4) {
      folded_matmul<Tiles, kPlanes, Codes::nibble, 16, Fold::product, 4>(job);  // Q3_K
    } else if (!f.has_offset && f.codes == Codes::nibble_2 && small_units && f.zero == 32) {
      folded_matmul<Tiles, kPlanes, Codes::nibble_2, 16, Fold::product, 32>(job);  // Q6_K
    } else {
      return false;
    }
    return true;
  }
  if (f.has_offset && f.group != 32) return false;
  switch (f.group) {
    case 16:
      group_matmul<Tiles, kPlanes, 16, false>(job);
      return true;
    case 32:
      f.has_offset ? group_matmul<Tiles, kPlanes, 32, true>(job)
                   : group_matmul<Tiles, kPlanes, 32, false>(job);
      return true;
    case 64:
      group_matmul<Tiles, kPlanes, 64, false>(job);
      return true;
    case 128:
      group_matmul<Tiles, kPlanes, 128, false>(job);
      return true;
    case 256:
      group_matmul<Tiles, kPlanes, 256, false>(job);
      return true;
    default:
      return false;
  }
}

template <typename Tiles>
bool tile_matmul(const MatmulJob& job) {
  switch (job.x->planes) {
    case 1:
      return tile_matmul_of<Tiles, 1>(job);
    case 2:
      return tile_matmul_of<Tiles, 2>(job);
    case 3:
      return tile_matmul_of<Tiles, 3>(job);
    default:
      return false;
  }
}

}  // namespace kilter::cpu::amx
