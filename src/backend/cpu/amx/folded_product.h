// Tokens times a folded panel (integer scales): the schedule of the tiles.
//
// A unit is two tiles of tokens, X and Y, with one panel block: 2 x (low, high) = 4 tiles of C, 4 steps of 64
// values of k, 16 products. The tile unit takes 16 cycles for each and is the scarce part, so everything
// else goes between its products, in the order of the program, since 500 instructions is all that the
// processor looks ahead:
//   - the float arithmetic of the unit before, a few tokens after each product;
//   - the stores of C: a store keeps the tile unit's neighbours busy for 17 cycles, and has to wait about 52
//     for the last product of its tile. So Y lags X by half a unit (its steps run 2, 3 and, beside the next
//     unit's X, 0, 1): stores come in pairs, each at least two products behind the last one of its tile,
//     and the B tiles are loaded once for both.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "backend/cpu/amx/folded_panel.h"
#include "backend/cpu/amx/tile.h"
#include "backend/cpu/amx/token_tile.h"

namespace kilter::cpu::amx {

struct FoldedUnit {
  TokenTile x;
  TokenTile y;
  const FoldedPanel* panel = nullptr;
};

/// Tile numbers: C of X and Y, A of X and Y, B.
enum FoldedTile : int { kXLow, kXHigh, kYLow, kYHigh, kX, kY, kLow, kHigh };

inline constexpr int kCValues = kTileRows * kPanelRows;  // of a stored tile of C

/// kPairs: pairs of units with minimums, 4 or 8; 0 without minimums.
template <typename Tiles, int kPlanes, Fold kFold, int kPairs>
class FoldedProduct {
 public:
  using Unit = FoldedUnit;

  /// `staging`: four tiles of C, aligned to 64.
  explicit FoldedProduct(int32_t* staging) : staging_(staging) {}

  static void configure(int64_t x_tokens, int64_t y_tokens) {
    TileConfig config;
    for (const int tile : {kXLow, kXHigh, kX}) config.shape(tile, x_tokens * kPlanes, 64);
    for (const int tile : {kYLow, kYHigh, kY}) config.shape(tile, y_tokens * kPlanes, 64);
    for (const int tile : {kLow, kHigh}) config.shape(tile, kTileRows, 64);
    Tiles::configure(config);
  }

  /// Begins the unit `now` and completes `before`, the one of the call before. Either may be missing.
  void advance(const Unit* now, const Unit* before) {
    if (now != nullptr && before != nullptr) {
      step<true, true>(*now, *before);
    } else if (now != nullptr) {
      step<true, false>(*now, *now);
    } else if (before != nullptr) {
      step<false, true>(*before, *before);
    }
  }

 private:
  static constexpr int kTokens = kTileTokens<kPlanes>;
  static constexpr int64_t kColumnStride = kBlockValues;

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
    Tiles::template load<kX>(unit.x.digits + 64 * k, kColumnStride);
  }
  [[gnu::always_inline]] static void load_y(const Unit& unit, int k) {
    Tiles::template load<kY>(unit.y.digits + 64 * k, kColumnStride);
  }
  template <int kTile>
  [[gnu::always_inline]] void store() {
    Tiles::template store<kTile>(staging_ + kTile * kCValues, kLineBytes);
  }

  template <bool kNow, bool kBefore>
  void step(const Unit& now, const Unit& before) {
    const bool other_panel = kNow && kBefore && now.panel != before.panel;
    const Unit& shared = kBefore ? before : now;

    // k step 0 of Y before and of X now; X before is complete.
    load_low(shared, 0);
    load_high(shared, 0);
    if constexpr (kBefore) {
      load_y(before, 0);
      dot_low<kYLow, kY>();
      store<kXLow>();
      dot_high<kYHigh, kY>();
      store<kXHigh>();
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
      dot_high<kXHigh, kX>();
    }
    if constexpr (kBefore) finish<0, 5>(before, before.x, staging_);

    // k step 1 of both.
    load_low(shared, 1);
    load_high(shared, 1);
    if constexpr (kBefore) {
      load_y(before, 1);
      dot_low<kYLow, kY>();
      finish<1, 5>(before, before.x, staging_);
      dot_high<kYHigh, kY>();
      finish<2, 5>(before, before.x, staging_);
    }
    if (other_panel) {
      load_low(now, 1);
      load_high(now, 1);
    }
    if constexpr (kNow) {
      load_x(now, 1);
      dot_low<kXLow, kX>();
    }
    if constexpr (kBefore) finish<3, 5>(before, before.x, staging_);
    if constexpr (kNow) dot_high<kXHigh, kX>();
    if constexpr (kBefore) store<kYLow>();

    // k steps 2 and 3 of X and Y now; Y before is complete.
    const int32_t* y_staging = staging_ + kYLow * kCValues;
    if constexpr (kNow) {
      load_low(now, 2);
      load_x(now, 2);
      dot_low<kXLow, kX>();
    }
    if constexpr (kBefore) store<kYHigh>();
    if constexpr (kNow) {
      load_high(now, 2);
      dot_high<kXHigh, kX>();
    }
    if constexpr (kBefore) finish<4, 5>(before, before.x, staging_);
    if constexpr (kNow) {
      load_y(now, 2);
      Tiles::template zero<kYLow>();
      Tiles::template zero<kYHigh>();
      dot_low<kYLow, kY>();
    }
    if constexpr (kBefore) finish<0, 6>(before, before.y, y_staging);
    if constexpr (kNow) dot_high<kYHigh, kY>();
    if constexpr (kBefore) finish<1, 6>(before, before.y, y_staging);
    if constexpr (kNow) {
      load_low(now, 3);
      load_x(now, 3);
      dot_low<kXLow, kX>();
    }
    if constexpr (kBefore) finish<2, 6>(before, before.y, y_staging);
    if constexpr (kNow) {
      load_high(now, 3);
      dot_high<kXHigh, kX>();
    }
    if constexpr (kBefore) finish<3, 6>(before, before.y, y_staging);
    if constexpr (kNow) {
      load_y(now, 3);
      dot_low<kYLow, kY>();
    }
    if constexpr (kBefore) finish<4, 6>(before, before.y, y_staging);
    if constexpr (kNow) dot_high<kYHigh, kY>();
    if constexpr (kBefore) finish<5, 6>(before, before.y, y_staging);
  }

  /// Part kPart of kParts of the tokens of `tile`, whose low and high sums lie in `staged`.
  template <int kPart, int kParts>
  [[gnu::always_inline]] static void finish(const Unit& unit, const TokenTile& tile, const int32_t* staged) {
    constexpr int begin = kPart * kTokens / kParts;
    constexpr int end = (kPart + 1) * kTokens / kParts;
    unroll<end - begin>([&](auto i) {
      constexpr int token = begin + i.value;
      if (token < tile.tokens) finish_token(*unit.panel, tile, token, staged + token * kPlanes * kPanelRows);
    });
  }

  [[gnu::always_inline]] static void finish_token(const FoldedPanel& panel, const TokenTile& tile, int token,
                                                  const int32_t* staged) {
    __m512 x = _mm512_setzero_ps();
    if constexpr (kPairs > 0) {
      const __m512 minimums = joined_minimums(panel, tile.sums + token * kPlanes * 2 * kPairs);
      x = _mm512_fmadd_ps(_mm512_load_ps(panel.offset), minimums, x);
    }
    __m512 sums = plane_sums(staged, 0);
    if constexpr (kPlanes >= 2) sums = _mm512_fmadd_ps(_mm512_set1_ps(256), plane_sums(staged, 1), sums);
    if constexpr (kPlanes == 3) sums = _mm512_fmadd_ps(_mm512_set1_ps(65536), plane_sums(staged, 2), sums);
    x = _mm512_fmadd_ps(_mm512_load_ps(panel.scale), sums, x);
    add_block(tile, token, x);
  }

  /// f(S_p): low + (high << shift), at most 256 * 4096 * 128 = 2^27.
  [[gnu::always_inline]] static __m512 plane_sums(const int32_t* staged, int plane) {
    const __m512i low = _mm512_load_si512(staged + plane * kPanelRows);
    const __m512i high = _mm512_load_si512(staged + kCValues + plane * kPanelRows);
    return _mm512_cvtepi32_ps(_mm512_add_epi32(low, _mm512_slli_epi32(high, kHighShift<kFold>)));
  }

  /// sums + T_p.
  [[gnu::always_inline]] static __m512i add_minimums(const FoldedPanel& panel, const int16_t* sums,
                                                     __m512i total) {
    for (int i = 0; i < kPairs; ++i) {
      int32_t pair = 0;
      __builtin_memcpy(&pair, sums + 2 * i, sizeof(pair));
      total = _mm512_dpwssd_epi32(total, _mm512_load_si512(panel.minimum[i]), _mm512_set1_epi32(pair));
    }
    return total;
  }

  /// f(T). |T_p| <= 256 * 63 * 128 < 2^21, so T_0 is exact as f32 and 256 T_1 + T_0 < 2^30: the sum in
  /// integers, rounded once, is what fma(256, f(T_1), f(T_0)) gives.
  [[gnu::always_inline]] static __m512 joined_minimums(const FoldedPanel& panel, const int16_t* sums) {
    __m512i total = _mm512_setzero_si512();
    if constexpr (kPlanes >= 2) total = _mm512_slli_epi32(add_minimums(panel, sums + 2 * kPairs, total), 8);
    __m512 joined = _mm512_cvtepi32_ps(add_minimums(panel, sums, total));
    if constexpr (kPlanes == 3) {
      const __m512i third = add_minimums(panel, sums + 4 * kPairs, _mm512_setzero_si512());
      joined = _mm512_fmadd_ps(_mm512_set1_ps(65536), _mm512_cvtepi32_ps(third), joined);
    }
    return joined;
  }

  int32_t* staging_;
};

}  // namespace kilter::cpu::amx
