// Tokens times a folded panel (integer scales): the schedule of the tiles.
//
// A unit is two tiles of tokens, X and Y, with one panel block: 2 x (low, high) = 4 tiles of C, 4 steps of 64
// values of k, 16 products. The tile unit takes 16 cycles for each and is the scarce part, so everything
// else goes between its products, in the order of the program, since 500 instructions is all that the
// processor looks ahead:
//   - the float arithmetic of the unit before, a few tokens after each product;
//   - requests for the weights that come next, a line or two at a place;
//   - the stores of C: a store keeps the tile unit's neighbours busy for 17 cycles, and has to wait about 52
//     for the last product of its tile. So Y lags X by half a unit (its steps run 2, 3 and, beside the next
//     unit's X, 0, 1): stores come in pairs, each at least two products behind the last one of its tile,
//     and the B tiles are loaded once for both.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <utility>

#include "backend/cpu/amx/folded_panel.h"
#include "backend/cpu/amx/tile.h"
#include "backend/cpu/amx/token_tile.h"

namespace kilter::cpu::amx {

struct FoldedUnit {
  TokenTile x;
  TokenTile y;
  AccPlace place;
  const FoldedPanel* panel = nullptr;
  Ahead ahead;
};

/// Tile numbers: C of X and Y, A of X and Y, B.
enum FoldedTile : int { kXLow, kXHigh, kYLow, kYHigh, kX, kY, kLow, kHigh };

inline constexpr int kCValues = kTileRows * kPanelRows;  // of a stored tile of C

/// kPairs: pairs of units with minimums, 4 or 8; 0 without minimums.
template <typename Tiles, int kPlanes, Fold kFold, int kPairs>
class FoldedProduct {
 public:
  using Unit = FoldedUnit;
  static constexpr int kTileValues = 64;  ///< of k in a tile

  /// `staging`: four tiles of C, aligned to 64.
  explicit FoldedProduct(int32_t* staging) : staging_(staging) {}

  static void configure(int64_t x_tokens, int64_t y_tokens) {
    if (y_tokens == 0) y_tokens = 1;  // a tile has a row, wanted or not
    TileConfig config;
    for (const int tile : {kXLow, kXHigh, kX}) config.shape(tile, x_tokens * kPlanes, 64);
    for (const int tile : {kYLow, kYHigh, kY}) config.shape(tile, y_tokens * kPlanes, 64);
    for (const int tile : {kLow, kHigh}) config.shape(tile, kTileRows, 64);
    Tiles::configure(config);
  }

  /// Begins the unit `now` and completes `before`, the one of the call before. Either may be missing.
  void advance(const Unit* now, const Unit* before) {
    if (now != nullptr && before != nullptr) {
      const bool whole = before->x.tokens == kTokens && before->y.tokens == kTokens;
      if (whole && before->place.kind == AccPlace::Kind::sums) {
        step<true, true, Finish::sums>(*now, *before);
      } else if (whole && before->place.kind == AccPlace::Kind::streamed) {
        step<true, true, Finish::streamed>(*now, *before);
      } else {
        step<true, true, Finish::any>(*now, *before);
      }
    } else if (now != nullptr) {
      step<true, false, Finish::any>(*now, *now);
    } else if (before != nullptr) {
      step<false, true, Finish::any>(*before, *before);
    }
  }

 private:
  static constexpr int kTokens = kTileTokens<kPlanes>;
  static constexpr int kAsks = 12;  // places between products where lines are asked for
  /// How tokens are finished: a question asked once a unit and not once a token. The first two are for whole
  /// tiles.
  enum class Finish : uint8_t { sums, streamed, any };
  using Pairs = std::make_integer_sequence<int, kPairs>;

  template <int kC, int kA>
  [[gnu::always_inline]] static void dot_low() {
    Tiles::template dot_s8_u8<kC, kA, kLow>();
  }
  template <int kC, int kA>
  [[gnu::always_inline]] static void dot_high() {
    if constexpr (kFold == Fold::scale) {
      Tiles::template dot_s8_u8<kC, kA, kHigh>();
    } else {
      Tiles::template dot_s8_s8<kC, kA, kHigh>();
    }
  }
  [[gnu::always_inline]] static void load_low(const Unit& unit, int k) {
    Tiles::template load<kLow>(unit.panel->low[k], kLineBytes);
  }
  [[gnu::always_inline]] static void load_high(const Unit& unit, int k) {
    Tiles::template load<kHigh>(unit.panel->high[k], kLineBytes);
  }
  [[gnu::always_inline]] static void load_x(const Unit& unit, int k) {
    Tiles::template load<kX>(unit.x.digits + kTileBytes * k, kTileValues);
  }
  [[gnu::always_inline]] static void load_y(const Unit& unit, int k) {
    Tiles::template load<kY>(unit.y.digits + kTileBytes * k, kTileValues);
  }
  template <int kTile>
  [[gnu::always_inline]] static void store(int32_t* staging) {
    Tiles::template store<kTile>(staging + kTile * kCValues, kLineBytes);
  }

  template <bool kNow, bool kBefore, Finish kFinish>
  void step(const Unit& now, const Unit& before) {
    const bool other_panel = kNow && kBefore && now.panel != before.panel;
    const Unit& shared = kBefore ? before : now;
    // Not const: GCC 12 keeps a const one in memory.
    Numbers numbers = numbers_of(before, Pairs{});
    const Ahead ahead = now.ahead;
    const TokenTile before_x = before.x;
    const TokenTile before_y = before.y;
    int32_t* const staging = staging_;
    const int32_t* y_staging = staging + kYLow * kCValues;

    // k step 0 of Y before and of X now; X before is complete.
    load_low(shared, 0);
    load_high(shared, 0);
    if constexpr (kBefore) {
      load_y(before, 0);
      dot_low<kYLow, kY>();
      store<kXLow>(staging);
      dot_high<kYHigh, kY>();
      store<kXHigh>(staging);
    }
    if (other_panel) {
      load_low(now, 0);
      load_high(now, 0);
    }
    if constexpr (kNow) {
      load_x(now, 0);
      Tiles::template zero<kXLow>();
      Tiles::template zero<kXHigh>();
      dot_low<kXLow, kX>();
    }
    if constexpr (kBefore) finish<kFinish, 0, 7>(numbers, before_x, staging);
    if constexpr (kNow) ask<0, kAsks>(ahead);
    if constexpr (kNow) dot_high<kXHigh, kX>();
    if constexpr (kBefore) finish<kFinish, 1, 7>(numbers, before_x, staging);
    if constexpr (kNow) ask<1, kAsks>(ahead);

    // k step 1 of both.
    load_low(shared, 1);
    load_high(shared, 1);
    if constexpr (kBefore) {
      load_y(before, 1);
      dot_low<kYLow, kY>();
      finish<kFinish, 2, 7>(numbers, before_x, staging);
      dot_high<kYHigh, kY>();
      finish<kFinish, 3, 7>(numbers, before_x, staging);
    }
    if (other_panel) {
      load_low(now, 1);
      load_high(now, 1);
    }
    if constexpr (kNow) {
      load_x(now, 1);
      dot_low<kXLow, kX>();
    }
    if constexpr (kBefore) finish<kFinish, 4, 7>(numbers, before_x, staging);
    if constexpr (kNow) ask<2, kAsks>(ahead);
    if constexpr (kNow) dot_high<kXHigh, kX>();
    if constexpr (kBefore) finish<kFinish, 5, 7>(numbers, before_x, staging);
    if constexpr (kNow) ask<3, kAsks>(ahead);
    if constexpr (kBefore) store<kYLow>(staging);

    // k steps 2 and 3 of X and Y now; Y before is complete.
    if constexpr (kNow) {
      load_low(now, 2);
      load_x(now, 2);
      dot_low<kXLow, kX>();
    }
    if constexpr (kBefore) finish<kFinish, 6, 7>(numbers, before_x, staging);
    if constexpr (kNow) ask<4, kAsks>(ahead);
    if constexpr (kBefore) store<kYHigh>(staging);
    if constexpr (kNow) {
      load_high(now, 2);
      dot_high<kXHigh, kX>();
    }
    if constexpr (kBefore) finish<kFinish, 0, 7>(numbers, before_y, y_staging);
    if constexpr (kNow) ask<5, kAsks>(ahead);
    if constexpr (kNow) {
      load_y(now, 2);
      Tiles::template zero<kYLow>();
      Tiles::template zero<kYHigh>();
      dot_low<kYLow, kY>();
    }
    if constexpr (kBefore) finish<kFinish, 1, 7>(numbers, before_y, y_staging);
    if constexpr (kNow) ask<6, kAsks>(ahead);
    if constexpr (kNow) dot_high<kYHigh, kY>();
    if constexpr (kBefore) finish<kFinish, 2, 7>(numbers, before_y, y_staging);
    if constexpr (kNow) ask<7, kAsks>(ahead);
    if constexpr (kNow) {
      load_low(now, 3);
      load_x(now, 3);
      dot_low<kXLow, kX>();
    }
    if constexpr (kBefore) finish<kFinish, 3, 7>(numbers, before_y, y_staging);
    if constexpr (kNow) ask<8, kAsks>(ahead);
    if constexpr (kNow) {
      load_high(now, 3);
      dot_high<kXHigh, kX>();
    }
    if constexpr (kBefore) finish<kFinish, 4, 7>(numbers, before_y, y_staging);
    if constexpr (kNow) ask<9, kAsks>(ahead);
    if constexpr (kNow) {
      load_y(now, 3);
      dot_low<kYLow, kY>();
    }
    if constexpr (kBefore) finish<kFinish, 5, 7>(numbers, before_y, y_staging);
    if constexpr (kNow) ask<10, kAsks>(ahead);
    if constexpr (kNow) dot_high<kYHigh, kY>();
    if constexpr (kBefore) finish<kFinish, 6, 7>(numbers, before_y, y_staging);
    if constexpr (kNow) ask<11, kAsks>(ahead);
  }

  /// What the tokens of a unit share, in registers: what is loaded through a pointer has to be loaded again
  /// behind every store of a tile.
  struct Numbers {
    AccPlace place;
    __m512 scale;
    __m512 offset;
    __m512i minimum[static_cast<size_t>(kPairs == 0 ? 1 : kPairs)];
  };

  template <int... kI>
  [[gnu::always_inline]] static Numbers numbers_of(const Unit& unit, std::integer_sequence<int, kI...>) {
    const FoldedPanel& panel = *unit.panel;
    Numbers numbers;
    numbers.place = unit.place;
    numbers.scale = _mm512_load_ps(panel.scale);
    numbers.offset = kPairs == 0 ? _mm512_setzero_ps() : _mm512_load_ps(panel.offset);
    numbers.minimum[0] = _mm512_setzero_si512();
    ((numbers.minimum[kI] = _mm512_load_si512(panel.minimum[kI])), ...);
    return numbers;
  }

  /// Part kPart of kParts of the tokens of `tile`, whose low and high sums lie in `staged`.
  template <Finish kFinish, int kPart, int kParts>
  [[gnu::always_inline]] static void finish(const Numbers& numbers, const TokenTile& tile,
                                            const int32_t* staged) {
    constexpr int begin = kPart * kTokens / kParts;
    constexpr int end = (kPart + 1) * kTokens / kParts;
    finish_tokens<kFinish, begin>(numbers, tile, staged, std::make_integer_sequence<int, end - begin>{});
  }
  template <Finish kFinish, int kBegin, int... kI>
  [[gnu::always_inline]] static void finish_tokens(const Numbers& numbers, const TokenTile& tile,
                                                   const int32_t* staged, std::integer_sequence<int, kI...>) {
    (finish_token<kFinish>(numbers, tile, kBegin + kI, staged + (kBegin + kI) * kPlanes * kPanelRows), ...);
  }

  template <Finish kFinish>
  [[gnu::always_inline]] static void finish_token(const Numbers& numbers, const TokenTile& tile, int token,
                                                  const int32_t* staged) {
    if (kFinish == Finish::any && token >= tile.tokens) return;
    __m512 x = _mm512_setzero_ps();
    if constexpr (kPairs > 0) {
      const __m512 minimums = joined_minimums(numbers, tile.sums + token * kPlanes * 2 * kPairs);
      x = _mm512_fmadd_ps(numbers.offset, minimums, x);
    }
    __m512 sums = plane_sums(staged, 0);
    if constexpr (kPlanes >= 2) sums = _mm512_fmadd_ps(_mm512_set1_ps(256), plane_sums(staged, 1), sums);
    if constexpr (kPlanes == 3) sums = _mm512_fmadd_ps(_mm512_set1_ps(65536), plane_sums(staged, 2), sums);
    x = _mm512_fmadd_ps(numbers.scale, sums, x);
    const __m512 sum = with_block(tile, token, x);
    if constexpr (kFinish == Finish::sums) {
      _mm512_store_ps(tile.to + token * kPanelRows, sum);
    } else if constexpr (kFinish == Finish::streamed) {
      _mm512_stream_ps(tile.to + token * numbers.place.stride, sum);
    } else {
      _mm512_mask_storeu_ps(tile.to + token * numbers.place.stride, numbers.place.rows, sum);
    }
  }

  /// f(S_p): low + (high << shift), at most 256 * 4096 * 128 = 2^27.
  [[gnu::always_inline]] static __m512 plane_sums(const int32_t* staged, int plane) {
    const __m512i low = _mm512_load_si512(staged + plane * kPanelRows);
    const __m512i high = _mm512_load_si512(staged + kCValues + plane * kPanelRows);
    return _mm512_cvtepi32_ps(_mm512_add_epi32(low, _mm512_slli_epi32(high, kHighShift<kFold>)));
  }

  /// total + T_p.
  template <int... kI>
  [[gnu::always_inline]] static __m512i add_minimums(const Numbers& numbers, const int16_t* sums,
                                                     __m512i total, std::integer_sequence<int, kI...>) {
    ((total = _mm512_dpwssd_epi32(total, numbers.minimum[kI], two_sums(sums + 2 * kI))), ...);
    return total;
  }
  [[gnu::always_inline]] static __m512i two_sums(const int16_t* sums) {
    int32_t bits = 0;
    __builtin_memcpy(&bits, sums, sizeof(bits));
    return _mm512_set1_epi32(bits);
  }

  /// f(T). |T_p| <= 256 * 63 * 128 < 2^21, so T_0 is exact as f32 and 256 T_1 + T_0 < 2^30: the sum in
  /// integers, rounded once, is what fma(256, f(T_1), f(T_0)) gives.
  [[gnu::always_inline]] static __m512 joined_minimums(const Numbers& numbers, const int16_t* sums) {
    __m512i total = _mm512_setzero_si512();
    if constexpr (kPlanes >= 2)
      total = _mm512_slli_epi32(add_minimums(numbers, sums + 2 * kPairs, total, Pairs{}), 8);
    __m512 joined = _mm512_cvtepi32_ps(add_minimums(numbers, sums, total, Pairs{}));
    if constexpr (kPlanes == 3) {
      const __m512i third = add_minimums(numbers, sums + 4 * kPairs, _mm512_setzero_si512(), Pairs{});
      joined = _mm512_fmadd_ps(_mm512_set1_ps(65536), _mm512_cvtepi32_ps(third), joined);
    }
    return joined;
  }

  int32_t* staging_;
};

}  // namespace kilter::cpu::amx
