// The loops around the tile schedules: panels, blocks, tiles of tokens.
//
//   for a group of panels        their sums, [panel][token][16], stay in the L2 cache
//     for a block of 256 values  its tiles of digits come into the L2 cache, for all panels of the group
//       for a pair of panels     unpacked to one place, 18 KiB, which stays in the L1 cache
//         for all tokens         a tile of digits comes from L2 and is used for both panels
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "backend/cpu/amx/folded_product.h"
#include "backend/cpu/amx/group_product.h"
#include "backend/cpu/amx/token_tile.h"
#include "backend/cpu/kernel_table.h"

namespace kilter::cpu::amx {

/// How the tokens of a job lie in tiles (QuantisedRows::tiles), and the memory that follows from it.
struct TokenTiling {
  int64_t rows;      ///< tokens of the job
  int64_t per_tile;  ///< tokens of a whole tile
  int64_t units;     ///< of two tiles

  int64_t tiles() const { return 2 * units; }
  /// First token of a tile.
  int64_t first(int64_t tile) const { return tile * per_tile; }
  /// Fewer in the last one; none where it only makes the number even.
  int64_t tokens(int64_t tile) const { return tokens_of(rows - first(tile)); }
  int64_t tokens_of(int64_t left) const { return left < 0 ? 0 : left < per_tile ? left : per_tile; }
};

[[gnu::always_inline]] inline TokenTiling token_tiling(int64_t rows, int64_t planes) {
  const int64_t per_tile = kTileRows / planes;
  return {rows, per_tile, (rows + 2 * per_tile - 1) / (2 * per_tile)};
}

/// What a thread needs beside its weights, in its scratch memory.
struct WalkMemory {
  static constexpr int64_t kPanelBuffers = 4;
  static constexpr int64_t kPanelBytes = sizeof(FoldedPanel) > sizeof(GroupPanel) ? sizeof(FoldedPanel)
                                                                                  : sizeof(GroupPanel);
  static constexpr int64_t kStagingBytes = 2 * kMaxGroups * kTileBytes;
  static constexpr int64_t kMostPanels = 16;
  static constexpr int64_t kSumsBytes = 512 * 1024;  // of the L2 cache's 2 MiB

  static int64_t sums_of_panel(const TokenTiling& tiling) {
    return tiling.tiles() * tiling.per_tile * kPanelRows;
  }
  static int64_t most_panels(const TokenTiling& tiling) {
    const int64_t fit = kSumsBytes / (sums_of_panel(tiling) * 4) / 2 * 2;
    return fit < 2 ? 2 : fit > kMostPanels ? kMostPanels : fit;
  }
  /// Where the digits of all blocks are no more than this, they stay in the L2 cache whatever the order of
  /// the loops.
  static constexpr int64_t kDigitsToKeep = 512 * 1024;

  /// What Prepare writes for a block.
  static int64_t facts_bytes(const TokenTiling& tiling) { return tiling.rows * kFactBytes; }
  static constexpr int64_t kFactBytes = 64;  // a token
  static int64_t bytes(const TokenTiling& tiling) {
    // Two blocks, or as many as have their digits kept.
    const int64_t two = 2 * facts_bytes(tiling);
    const int64_t kept = kDigitsToKeep / kBlockValues * kFactBytes;
    return kPanelBuffers * kPanelBytes + kStagingBytes + kTileBytes + (two > kept ? two : kept) +
           most_panels(tiling) * sums_of_panel(tiling) * 4;
  }
};

/// Units of FoldedProduct have two tiles, those of GroupProduct one.
template <typename Product>
constexpr bool kTwoTiles = requires(typename Product::Unit unit) {
  unit.y;
};

/// `Product` is one of the schedules, `Panel` its unpacked panel.
template <typename Tiles, typename Product, typename Panel>
class PanelWalk {
 public:
  /// Takes a panel block of n values apart.
  using Open = void (*)(const std::byte* bytes, int64_t n, const PanelFormat& format, Panel& panel);
  /// Writes what the tokens need beside their digits, 64 bytes a token, for one block; or nothing.
  using Prepare = void (*)(const QuantisedRows& x, int64_t block, std::byte* to);

  PanelWalk(const MatmulJob& job, Open open, Prepare prepare)
      : job_(job),
        x_(*job.x),
        w_(*job.w),
        open_(open),
        prepare_(prepare),
        tiling_(token_tiling(x_.rows, x_.planes)),
        units_(kTwoTiles<Product> ? tiling_.units : real_tiles()),
        product_(
            reinterpret_cast<int32_t*>(job.scratch + WalkMemory::kPanelBuffers * WalkMemory::kPanelBytes)) {
    std::byte* next = job.scratch;
    panels_ = next;
    next += WalkMemory::kPanelBuffers * WalkMemory::kPanelBytes + WalkMemory::kStagingBytes;
    zeros_ = reinterpret_cast<float*>(next);
    for (int i = 0; i < kTileRows; ++i) _mm512_storeu_ps(zeros_ + i * kPanelRows, _mm512_setzero_ps());
    next += kTileBytes;
    const int64_t digits = x_.blocks() * tiling_.tiles() * kTileRows * kBlockValues;
    keeps_digits_ = digits <= WalkMemory::kDigitsToKeep;
    facts_ = next;
    next += (keeps_digits_ ? x_.blocks() : 2) * WalkMemory::facts_bytes(tiling_);
    sums_ = reinterpret_cast<float*>(next);
    const bool aligned = reinterpret_cast<uintptr_t>(job.y) % 64 == 0 && job.y_stride % kPanelRows == 0;
    streams_ = aligned && tiling_.rows >= kRowsToStream;
  }

  void run() {
    Product::configure(tiling_.tokens(0), tiling_.tokens(1));
    if (keeps_digits_) {
      for (int64_t block = 0; block < w_.blocks(); ++block) prepare_facts(block);
    }
    // Where digits are kept a group is as small as can be: the blocks of a panel follow each other in memory,
    // and with few tokens it is the memory that bounds the product.
    const int64_t step = keeps_digits_ ? together() : WalkMemory::most_panels(tiling_);
    for (int64_t begin = job_.panel_begin; begin < job_.panel_end; begin += step) {
      const int64_t end = begin + step < job_.panel_end ? begin + step : job_.panel_end;
      multiply_group(begin, end);
    }
    drain();
    Tiles::release();
    _mm_sfence();  // what was written past the caches comes before what the thread writes next
  }

 private:
  static constexpr int64_t kTilesAUnit = kTwoTiles<Product> ? 2 : 1;

  // Fewer units than this and the schedule runs on into the next pair of panels, which then needs buffers of
  // its own; with more, what matters is that the buffers stay in the L1 cache.
  static constexpr int64_t kUnitsToDrain = 4;

  // From so many tokens on the result would drive the digits out of the L2 cache: it is written past it.
  static constexpr int64_t kRowsToStream = 128;

  struct Block {
    int64_t index;
    int64_t values;
    bool first;
    bool last;
  };

  // Panels that are opened together. With one unit there is nothing to use twice.
  int64_t together() const { return units_ == 1 ? 1 : 2; }

  void multiply_group(int64_t begin, int64_t end) {
    const int64_t blocks = w_.blocks();
    int64_t offset = 0;
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t rest = w_.cols - b * kBlockValues;
      const Block block{b, rest < kBlockValues ? rest : kBlockValues, b == 0, b == blocks - 1};
      if (!keeps_digits_) prepare_facts(b);
      const int64_t bytes = w_.format.block_bytes(block.values);
      for (int64_t panel = begin; panel < end; panel += together()) {
        const int64_t left = end - panel;
        const Panels panels{panel, left < together() ? left : together(), panel - begin};
        open_panels(block, offset, panels);
        const int64_t next = panel + panels.count;
        if (next < end) {
          foresee(next, offset, panels.count, bytes);
        } else {
          foresee(block.last ? end : begin, block.last ? 0 : offset + bytes, panels.count, bytes);
        }
        multiply_panels(block, panels);
      }
      offset += bytes;
    }
    if (!keeps_digits_) drain();  // the next group's first block may have the same place for its facts
  }

  // Panels opened together, the first of them, and where in the group it stands.
  struct Panels {
    int64_t first;
    int64_t count;
    int64_t place;
  };

  // Blocks that lie `offset` bytes behind the beginnings of their panels.
  void open_panels(const Block& block, int64_t offset, const Panels& panels) {
    if (units_ >= kUnitsToDrain) {
      drain();
      side_ = 0;
    } else {
      side_ ^= 2;
    }
    for (int64_t i = 0; i < panels.count; ++i) {
      open_(w_.panel(panels.first + i) + offset, block.values, w_.format, *panel_buffer(side_ + i));
    }
  }

  // What is opened next lies elsewhere in memory, which the hardware does not foresee. Each unit asks for an
  // equal part of it: all at once would fill the buffers that the loads of the tiles need.
  void foresee(int64_t panel, int64_t offset, int64_t count, int64_t bytes) {
    lines_a_unit_ = ((bytes + 63) / 64 + units_ - 1) / units_;
    for (int64_t i = 0; i < 2; ++i) {
      const bool exists = i < count && panel + i < job_.panel_end;
      next_[i] = exists ? w_.panel(panel + i) + offset : nullptr;
    }
  }

  // All tokens with panels that are open.
  void multiply_panels(const Block& block, const Panels& panels) {
    TokenTile x = first_tile(block, 0);
    TokenTile y = first_tile(block, kTilesAUnit - 1);
    const int64_t other = panels.count - 1;
    Sums sums[2] = {sums_of(block, panels, 0), sums_of(block, panels, other)};
    const AccPlace places[2] = {acc_place(block, panels.first), acc_place(block, panels.first + other)};
    int64_t left = tiling_.rows;  // tokens
    for (int64_t u = 0; u < units_; ++u) {
      x.tokens = static_cast<int>(tiling_.tokens_of(left));
      y.tokens = static_cast<int>(tiling_.tokens_of(left - tiling_.per_tile));
      // There and back: the panel of the unit before comes first, its tiles are loaded already.
      for (int64_t i = 0; i < panels.count; ++i) {
        const int64_t of_pair = u % 2 == 0 ? i : panels.count - 1 - i;
        typename Product::Unit& now = last_two_[turn_];
        now.panel = panel_buffer(side_ + of_pair);
        now.place = places[of_pair];
        place_tile(x, sums[of_pair], now.x);
        if constexpr (kTwoTiles<Product>) place_tile(y, sums[of_pair], now.y);
        const std::byte* next = next_[of_pair];
        now.ahead = next == nullptr ? Ahead{} : Ahead{next + u * lines_a_unit_ * 64, lines_a_unit_};
        product_.advance(&now, live_ ? &last_two_[turn_ ^ 1] : nullptr);
        live_ = true;
        turn_ ^= 1;
      }
      to_next_unit(x);
      to_next_unit(y);
      left -= kTilesAUnit * tiling_.per_tile;
    }
  }

  // Where a panel's sums come from and go to, tile after tile.
  struct Sums {
    const float* from;
    float* to;
    int64_t from_step;
    int64_t to_step;
  };
  Sums sums_of(const Block& block, const Panels& panels, int64_t i) const {
    const int64_t step = tiling_.per_tile * kPanelRows;
    float* sums = sums_ + (panels.place + i) * WalkMemory::sums_of_panel(tiling_);
    Sums of{.from = sums, .to = sums, .from_step = step, .to_step = step};
    if (block.first) {
      of.from = zeros_;
      of.from_step = 0;
    }
    if (block.last) {
      of.to = job_.y + (panels.first + i) * kPanelRows;
      of.to_step = tiling_.per_tile * job_.y_stride;
    }
    return of;
  }
  static void place_tile(const TokenTile& tile, Sums& sums, TokenTile& to) {
    to = tile;
    to.from = sums.from;
    to.to = sums.to;
    sums.from += sums.from_step;
    sums.to += sums.to_step;
  }

  // A tile of the first unit, all but its sums.
  TokenTile first_tile(const Block& block, int64_t tile) const {
    const int64_t first = tiling_.first(tile);
    const std::byte* facts = facts_of(block.index);
    TokenTile to{};
    to.digits = x_.tile(block.index, tile);
    to.scale = x_.scale + block.index * x_.rows + first;
    to.total = reinterpret_cast<const float*>(facts) + first * kPanelRows;
    to.sums = prepare_ == nullptr ? x_.sums + x_.column(block.index, first) * 16
                                  : reinterpret_cast<const int16_t*>(facts) + first * x_.planes * 8;
    return to;
  }
  // The same tile of the next unit.
  void to_next_unit(TokenTile& tile) const {
    const int64_t tokens = kTilesAUnit * tiling_.per_tile;
    tile.digits += kTilesAUnit * kTileRows * kBlockValues;
    tile.scale += tokens;
    tile.total += tokens * kPanelRows;
    tile.sums += tokens * x_.planes * (prepare_ == nullptr ? 16 : 8);
  }

  void drain() {
    if (live_) product_.advance(nullptr, &last_two_[turn_ ^ 1]);
    live_ = false;
  }

  // All blocks have theirs, or two take turns, since the unit before still reads the facts of its block.
  std::byte* facts_of(int64_t block) const {
    return facts_ + (keeps_digits_ ? block : block % 2) * WalkMemory::facts_bytes(tiling_);
  }
  void prepare_facts(int64_t block) const {
    if (prepare_ != nullptr) prepare_(x_, block, facts_of(block));
  }

  // Tiles without the one that only makes the number even.
  int64_t real_tiles() const { return (tiling_.rows + tiling_.per_tile - 1) / tiling_.per_tile; }

  Panel* panel_buffer(int64_t i) const {
    return reinterpret_cast<Panel*>(panels_ + i * WalkMemory::kPanelBytes);
  }

  AccPlace acc_place(const Block& block, int64_t panel) const {
    constexpr unsigned all = 0xffff;
    if (!block.last) return {AccPlace::Kind::sums, kPanelRows, all};
    const int64_t rows = w_.rows - panel * kPanelRows;
    if (rows < kPanelRows) {
      return {AccPlace::Kind::result, job_.y_stride, static_cast<__mmask16>(all >> (kPanelRows - rows))};
    }
    return {streams_ ? AccPlace::Kind::streamed : AccPlace::Kind::result, job_.y_stride, all};
  }

  const MatmulJob& job_;
  const QuantisedRows& x_;
  const PackedWeight& w_;
  Open open_;
  Prepare prepare_;
  TokenTiling tiling_;
  int64_t units_;
  Product product_;
  typename Product::Unit last_two_[2] = {};
  int turn_ = 0;
  bool live_ = false;
  int64_t side_ = 0;
  const std::byte* next_[2] = {};
  int64_t lines_a_unit_ = 0;
  std::byte* panels_ = nullptr;
  float* zeros_ = nullptr;
  std::byte* facts_ = nullptr;
  bool keeps_digits_ = false;
  bool streams_ = false;
  float* sums_ = nullptr;
};

}  // namespace kilter::cpu::amx
