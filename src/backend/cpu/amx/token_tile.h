// The rows of activations that lie in one tile.
//
// A tile holds whole tokens: 16, 8 or 5 of them with 1, 2 or 3 planes, each plane a column of digits. Columns
// could be loaded where QuantisedRows::digits has them, 256 bytes apart; in QuantisedRows::tiles a load is
// one run of memory, which the prefetchers of the L1 cache follow.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "backend/cpu/panel_format.h"

namespace kilter::cpu::amx {

constexpr int kTileRows = 16;
constexpr int kTileBytes = 1024;

template <int kPlanes>
constexpr int kTileTokens = kTileRows / kPlanes;

/// One tile of tokens in one block of 256 values, and where its sums come from and go to.
struct TokenTile {
  const int8_t* digits;  ///< [64 values of k][16 columns][64]
  const int16_t* sums;   ///< integer scales: sums of digits [token][plane][2 * pairs], see FoldedPanel
  const float* total;    ///< float scales: f(T) of the groups, [token][16]
  const float* scale;    ///< [token]
  const float* from;     ///< acc of the blocks before, [token][16]
  float* to;             ///< acc with this block, [token], stride and rows by AccPlace
  int tokens;
};

/// How acc lies where it goes to.
struct AccPlace {
  enum class Kind : uint8_t {
    sums,      ///< beside the sums of its panel: rows of 16
    streamed,  ///< in the result, past the caches: whole rows of 64 aligned bytes
    result,    ///< in the result
  };
  Kind kind;
  int64_t stride;  ///< floats between tokens
  __mmask16 rows;  ///< which rows of the panel there are
};

/// Lines of weights that a unit asks for, of those that are opened next.
struct Ahead {
  const std::byte* from = nullptr;
  int64_t lines = 0;
};

/// Part kPart of kParts of them: to the L2 cache.
template <int kPart, int kParts>
[[gnu::always_inline]] inline void ask(const Ahead& ahead) {
  for (int64_t line = kPart; line < ahead.lines; line += kParts) {
    _mm_prefetch(reinterpret_cast<const char*>(ahead.from + line * 64), _MM_HINT_T1);
  }
}

/// fma(activation scale, x, acc) for one token.
[[gnu::always_inline]] inline __m512 with_block(const TokenTile& tile, int64_t token, __m512 x) {
  const __m512 acc = _mm512_load_ps(tile.from + token * kPanelRows);
  return _mm512_fmadd_ps(_mm512_set1_ps(tile.scale[token]), x, acc);
}

}  // namespace kilter::cpu::amx
