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

#include <cstdint>

#include "backend/cpu/amx/group_panel.h"
#include "backend/cpu/amx/tile.h"
#include "backend/cpu/amx/token_tile.h"
#include "backend/cpu/amx/unroll.h"

namespace kilter::cpu::amx {

struct GroupUnit {
  TokenTile x;
  const GroupPanel* panel = nullptr;
};

/// kGroup: values of a group.
template <typename Tiles, int kPlanes, int kGroup, bool kOffset>
class GroupProduct {
 public:
  using Unit = GroupUnit;

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
    int32_t* staged_before = staging_ + side_ * kMaxGroups * kCValues;
    side_ ^= 1;
    int32_t* staged_now = staging_ + side_ * kMaxGroups * kCValues;
    const int64_t groups = now == nullptr ? 0 : now->panel->groups;
    const int64_t groups_before = before == nullptr ? 0 : before->panel->groups;
    unroll<kSteps>([&](auto step) {
      constexpr int g = step.value;
      if constexpr (g < kCarried) store<kGroups - kCarried + g>(groups_before, staged_before);
      if constexpr (g >= kLag && g - kLag < kGroups - kCarried) store<g - kLag>(groups, staged_now);
      if constexpr (g < kGroups) {
        if (g < groups) multiply<g>(*now);
      }
      if constexpr (g >= kCarried) {
        if (before != nullptr) finish<g - kCarried, kSteps - kCarried>(*before, staged_before);
      }
    });
  }

 private:
  static constexpr int kA = 4;  // tiles 0 to 3 are C
  static constexpr int kB = 6;
  static constexpr int kCValues = kTileRows * kPanelRows;
  static constexpr int kTokens = kTileTokens<kPlanes>;
  static constexpr int kGroups = kBlockValues / kGroup;
  static constexpr int kTileValues = kGroup < 64 ? kGroup : 64;
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
    unroll<kGroup / kTileValues>([&](auto k) {
      constexpr int odd = (kG + k.value) % 2;
      constexpr int first = kG * kGroup + k.value * kTileValues;
      Tiles::template load<kB + odd>(unit.panel->lines[first / kLineValues], kLineBytes);
      Tiles::template load<kA + odd>(unit.x.digits + first, kBlockValues);
      Tiles::template dot_s8_s8<c, kA + odd, kB + odd>();
    });
  }

  /// Part kPart of kParts of the unit's tokens.
  template <int kPart, int kParts>
  [[gnu::always_inline]] static void finish(const Unit& unit, const int32_t* staged) {
    constexpr int begin = kPart * kTokens / kParts;
    constexpr int end = (kPart + 1) * kTokens / kParts;
    for (int token = begin; token < end; ++token) {
      if (token < unit.x.tokens) finish_token(unit, token, staged + token * kPlanes * kPanelRows);
    }
  }

  [[gnu::always_inline]] static void finish_token(const Unit& unit, int token, const int32_t* staged) {
    const GroupPanel& panel = *unit.panel;
    const float* total = unit.x.total + token * kMaxGroups;
    __m512 x = _mm512_setzero_ps();
    const auto add_group = [&](int64_t g) {
      const int32_t* sums = staged + g * kCValues;
      if constexpr (kOffset)
        x = _mm512_fmadd_ps(_mm512_load_ps(panel.offset[g]), _mm512_set1_ps(total[g]), x);
      x = _mm512_fmadd_ps(_mm512_load_ps(panel.scale[g]), joined(sums), x);
    };
    if (panel.groups == kGroups) {
      unroll<kGroups>([&](auto g) { add_group(g.value); });
    } else {
      for (int64_t g = 0; g < panel.groups; ++g) add_group(g);
    }
    add_block(unit.x, token, x);
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
