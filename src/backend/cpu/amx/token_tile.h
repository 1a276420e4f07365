// The rows of activations that lie in one tile.
//
// A block of QuantisedRows has columns (token, plane) of 256 bytes. A tile holds whole tokens: 16, 8 or 5 of
// them with 1, 2 or 3 planes. The last tile starts early enough to be whole, and computes some tokens a
// second time. Its columns could be loaded where they stand, 256 bytes apart; they are laid anew once for
// every group of panels, [tile step][column][bytes of a step], so that a load is one run of memory, which
// the prefetchers of the L1 cache follow.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "backend/cpu/panel_format.h"

namespace kilter::cpu::amx {

constexpr int kTileRows = 16;
constexpr int kTileBytes = 1024;

template <int kPlanes>
constexpr int kTileTokens = kTileRows / kPlanes;

/// One tile of tokens in one block of 256 values, and where its sums come from and go to.
struct TokenTile {
  const int8_t* digits;  ///< [step of k][16 columns][bytes of a step]
  const int16_t* sums;   ///< integer scales: sums of digits [token][plane][2 * pairs], see FoldedPanel
  const float* total;    ///< float scales: f(T) of the groups, [token][16]
  const float* scale;    ///< [token]
  const float* from;     ///< acc of the blocks before, [token][16]
  float* to;             ///< acc with this block, [token], stride and rows by AccPlace
  int tokens;
};

/// How acc lies where it goes to: beside the sums of its panel, or in the result.
struct AccPlace {
  int64_t stride;  ///< floats between tokens
  __mmask16 rows;  ///< which rows of the panel there are
  bool streams;    ///< past the caches: whole rows of 64 aligned bytes
};

/// acc = fma(activation scale, x, acc) for one token.
[[gnu::always_inline]] inline void add_block(const TokenTile& tile, const AccPlace& place, int64_t token,
                                             __m512 x) {
  const __m512 acc = _mm512_loadu_ps(tile.from + token * kPanelRows);
  const __m512 sum = _mm512_fmadd_ps(_mm512_set1_ps(tile.scale[token]), x, acc);
  float* to = tile.to + token * place.stride;
  if (place.streams) {
    _mm512_stream_ps(to, sum);
  } else {
    _mm512_mask_storeu_ps(to, place.rows, sum);
  }
}

}  // namespace kilter::cpu::amx
