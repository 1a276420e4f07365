// Tokens times a panel with float scales: the schedule of the tiles.
//
// A unit is one tile of tokens with one panel block. The sums of every group leave the tile unit by
// themselves (its tile of C is stored, 17 cycles beside the 16 of the product), all of them to a staging
// buffer, and the float arithmetic runs token by token over the groups with x in a register. That arithmetic
// bounds the product: for groups of 32, two planes and offsets it is 40 vector instructions a token and
// block. As in folded_product.h everything is interleaved by hand: beside the products of a unit runs the
// arithmetic of the unit before, and a group is stored two products after its own, for the last two groups
// beside the next unit's first.
#pragma once

#include <immintrin.h>
#include <algorithm>

#include <cstdint>

#include "backend/cpu/amx/group_panel.h"
#include "backend/cpu/amx/tile.h"
#include "backend/cpu/amx/token_tile.h"
#include "backend/cpu/amx/unroll.h"

namespace kilter::cpu::amx {

struct GroupUnit {
  TokenTile x;
  AccPlace place;
  const GroupPanel* panel = nullptr;
  Ahead ahead;
};

/// kGroup: values of a group.
template <typename Tiles, int kPlanes, int kGroup, bool kOffset>
class GroupProduct {
 public:
  using Unit = GroupUnit;
  static constexpr int kTileValues = std::min(kGroup, 64);  ///< of k in a tile

  /// `staging`: 2 * kMaxGroups tiles of C, aligned to 64.
  explicit GroupProduct(int32_t* staging) : staging_(staging) {}

  static void configure(int64_t x_tokens, int64_t) {
    TileConfig config;
    for (int tile = 0; tile < kA; ++tile) config.shape(tile, x_tokens * kPlanes, 64);
    for (const int tile : {kA, kA + 1}) config.shape(tile, x_tokens * kPlanes, kTileValues);
    for (const int tile : {kB, kB + 1}) config.shape(tile, kTileValues / kLineValues, 64);
    Tiles::configure(config);
  }

  /// Begins the unit `now` and completes `before`, the one of the call before. Either may be missing.
  void advance(const Unit* now, const Unit* before) {
    // Whole blocks of whole tiles, nearly all: there the tokens are finished without a question.
    const bool whole = before != nullptr && before->x.tokens == kTokens && before->panel->groups == kGroups;
    whole ? step<true>(now, before) : step<false>(now, before);
  }

 private:
  template <bool kWhole>
  void step(const Unit* now, const Unit* before) {
    int32_t* staged_before = staging_ + side_ * kMaxGroups * kCValues;
    side_ ^= 1;
    int32_t* staged_now = staging_ + side_ * kMaxGroups * kCValues;
    const bool live = kWhole || before != nullptr;
    const int64_t groups = now == nullptr ? 0 : now->panel->groups;
    const int64_t groups_before = live ? before->panel->groups : 0;
    const TokenTile tile = live ? before->x : TokenTile{};  // no tokens: nothing to finish
    const Ahead ahead = now == nullptr ? Ahead{} : now->ahead;
    // Not const: GCC 12 keeps a const one in memory.
    Numbers numbers = numbers_of(live ? *before : *now);
    unroll<kSteps>([&](auto index) __attribute__((always_inline)) {
      constexpr int g = index.value;
      if constexpr (g < kCarried) store<kGroups - kCarried + g>(groups_before, staged_before);
      if constexpr (g >= kLag && g - kLag < kGroups - kCarried) store<g - kLag>(groups, staged_now);
      if constexpr (g < kGroups) {
        if (g < groups) multiply<g>(*now);
      }
      ask<g, kSteps>(ahead);
      if constexpr (g >= kCarried) {
        finish<kWhole, g - kCarried, kSteps - kCarried>(numbers, tile, staged_before);
      }
    });
  }

  static constexpr int kA = 4;  // tiles 0 to 3 are C
  static constexpr int kB = 6;
  static constexpr int kCValues = kTileRows * kPanelRows;
  static constexpr int kTokens = kTileTokens<kPlanes>;
  static constexpr int kGroups = kBlockValues / kGroup;
  static constexpr int kLag = 2;                           // products between a group's own and its store
  static constexpr int kCarried = kGroups < 4 ? 0 : kLag;  // groups stored beside the next unit
  static constexpr int kSteps = kCarried == 0 ? kGroups + kLag : kGroups;

  template <int kG>
  [[gnu::always_inline]] static void store(int64_t groups, int32_t* staged) {
    if (kG < groups) Tiles::template store<kG % 4>(staged + kG * kCValues, kLineBytes);
  }

  template <int kG>
  [[gnu::always_inline]] static void multiply(const Unit& unit) {
    constexpr int c = kG % 4;
    Tiles::template zero<c>();
    unroll<kGroup / kTileValues>([&](auto k) __attribute__((always_inline)) {
      constexpr int odd = (kG + k.value) % 2;
      constexpr int first = kG * kGroup + k.value * kTileValues;
      Tiles::template load<kB + odd>(unit.panel->lines[first / kLineValues], kLineBytes);
      Tiles::template load<kA + odd>(unit.x.digits + first / 64 * kTileBytes + first % 64, 64);
      Tiles::template dot_s8_s8<c, kA + odd, kB + odd>();
    });
  }

  /// What the tokens of a unit share, in registers: what is loaded through a pointer has to be loaded again
  /// behind every store of a tile.
  struct Numbers {
    AccPlace place;
    int64_t groups;
    __m512 scale[static_cast<size_t>(kGroups)];
    __m512 offset[static_cast<size_t>(kOffset ? kGroups : 1)];
  };

  [[gnu::always_inline]] static Numbers numbers_of(const Unit& unit) {
    const GroupPanel& panel = *unit.panel;
    Numbers numbers;
    numbers.place = unit.place;
    numbers.groups = panel.groups;
    unroll<kGroups>([&](auto g) __attribute__((always_inline)) {
      numbers.scale[g.value] = _mm512_load_ps(panel.scale[g.value]);
    });
    unroll<kOffset ? kGroups : 0>([&](auto g) __attribute__((always_inline)) {
      numbers.offset[g.value] = _mm512_load_ps(panel.offset[g.value]);
    });
    return numbers;
  }

  /// Part kPart of kParts of the tile's tokens.
  template <bool kWhole, int kPart, int kParts>
  [[gnu::always_inline]] static void finish(const Numbers& numbers, const TokenTile& tile,
                                            const int32_t* staged) {
    constexpr int begin = kPart * kTokens / kParts;
    constexpr int end = (kPart + 1) * kTokens / kParts;
    unroll<end - begin>([&](auto i) __attribute__((always_inline)) {
      constexpr int token = begin + i.value;
      if (kWhole || token < tile.tokens) {
        finish_token<kWhole>(numbers, tile, token, staged + token * kPlanes * kPanelRows);
      }
    });
  }

  template <bool kWhole>
  [[gnu::always_inline]] static void finish_token(const Numbers& numbers, const TokenTile& tile, int token,
                                                  const int32_t* staged) {
    const float* total = tile.total + token * kMaxGroups;
    __m512 x = _mm512_setzero_ps();
    unroll<kGroups>([&](auto group) __attribute__((always_inline)) {
      constexpr int g = group.value;
      if (!kWhole && g >= numbers.groups) return;
      if constexpr (kOffset) x = _mm512_fmadd_ps(numbers.offset[g], _mm512_set1_ps(total[g]), x);
      x = _mm512_fmadd_ps(numbers.scale[g], joined(staged + g * kCValues), x);
    });
    const __m512 sum = with_block(tile, token, x);
    float* to = tile.to + token * numbers.place.stride;
    if (numbers.place.kind == AccPlace::Kind::streamed) {
      _mm512_stream_ps(to, sum);
    } else {
      _mm512_mask_storeu_ps(to, numbers.place.rows, sum);
    }
  }

  [[gnu::always_inline]] static __m512 plane_sums(const int32_t* sums, int plane) {
    return _mm512_cvtepi32_ps(_mm512_load_si512(sums + plane * kPanelRows));
  }

  /// f(S).
  [[gnu::always_inline]] static __m512 joined(const int32_t* sums) {
    __m512 joined = plane_sums(sums, 0);
    if constexpr (kPlanes >= 2) joined = _mm512_fmadd_ps(_mm512_set1_ps(256), plane_sums(sums, 1), joined);
    if constexpr (kPlanes == 3) joined = _mm512_fmadd_ps(_mm512_set1_ps(65536), plane_sums(sums, 2), joined);
    return joined;
  }

  int32_t* staging_;
  int side_ = 0;
};

}  // namespace kilter::cpu::amx
