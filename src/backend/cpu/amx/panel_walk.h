// The loops around the tile schedules: panels, blocks, tiles of tokens.
//
//   for a group of panels        their sums, [panel][token][16], stay in the L2 cache
//     for a block of 256 values  the digits of all tokens are laid out as tiles, for all panels of the group
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

/// How the tokens of a job are cut into tiles, and the memory that follows from it.
struct TokenTiling {
  int64_t rows;      ///< tokens of the job
  int64_t per_tile;  ///< tokens of a whole tile
  int64_t units;     ///< of two tiles
  int64_t x_tokens;  ///< of the first tile of a unit
  int64_t y_tokens;  ///< of the second, at least one: a token that X has already, if need be

  int64_t tiles() const { return 2 * units; }
  /// First token of a tile.
  int64_t first(int64_t tile) const {
    const int64_t last_start = rows - (tile % 2 == 0 ? x_tokens : y_tokens);
    const int64_t start = tile * per_tile;
    return start < last_start ? start : last_start;
  }
  int64_t tokens(int64_t tile) const { return tile % 2 == 0 ? x_tokens : y_tokens; }
};

[[gnu::always_inline]] inline TokenTiling token_tiling(int64_t rows, int64_t planes) {
  const int64_t per_tile = kTileRows / planes;
  const int64_t units = (rows + 2 * per_tile - 1) / (2 * per_tile);
  const int64_t x_tokens = rows < per_tile ? rows : per_tile;
  int64_t y_tokens = rows - x_tokens < per_tile ? rows - x_tokens : per_tile;
  if (y_tokens == 0) y_tokens = 1;
  return {rows, per_tile, units, x_tokens, y_tokens};
}

/// Bytes of a tile of tokens, all 256 values of its columns.
constexpr int64_t kTileDigits = int64_t{kTileRows} * kBlockValues;

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
  static int64_t group_panels(const TokenTiling& tiling) {
    const int64_t fit = kSumsBytes / (sums_of_panel(tiling) * 4) / 2 * 2;
    return fit < 2 ? 2 : fit > kMostPanels ? kMostPanels : fit;
  }
  static int64_t bytes(const TokenTiling& tiling) {
    return kPanelBuffers * kPanelBytes + kStagingBytes + kTileBytes + tiling.tiles() * kTileDigits +
           tiling.rows * 64 + group_panels(tiling) * sums_of_panel(tiling) * 4;
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
    tiles_ = reinterpret_cast<int8_t*>(next);
    facts_ = next + tiling_.tiles() * kTileDigits;
    sums_ = reinterpret_cast<float*>(facts_ + tiling_.rows * 64);
    const bool aligned = reinterpret_cast<uintptr_t>(job.y) % 64 == 0 && job.y_stride % kPanelRows == 0;
    streams_ = aligned && tiling_.rows >= kRowsToStream;
  }

  void run() {
    Product::configure(tiling_.x_tokens, kTwoTiles<Product> ? tiling_.y_tokens : 0);
    const int64_t step = WalkMemory::group_panels(tiling_);
    for (int64_t begin = job_.panel_begin; begin < job_.panel_end; begin += step) {
      const int64_t end = begin + step < job_.panel_end ? begin + step : job_.panel_end;
      multiply_group(begin, end);
    }
    Tiles::release();
    _mm_sfence();  // what was written past the caches comes before what the thread writes next
  }

 private:
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

  void multiply_group(int64_t begin, int64_t end) {
    const int64_t blocks = w_.blocks();
    int64_t offset = 0;
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t rest = w_.cols - b * kBlockValues;
      const Block block{b, rest < kBlockValues ? rest : kBlockValues, b == 0, b == blocks - 1};
      drain();  // the unit before still reads the tiles and facts of its block
      lay_tiles(b);
      if (prepare_ != nullptr) prepare_(x_, b, facts_);
      const int64_t together = units_ == 1 ? 1 : 2;  // one unit: nothing to use twice
      for (int64_t panel = begin; panel < end; panel += together) {
        const int64_t left = end - panel;
        multiply_panels(block, offset, panel, left < together ? left : together, panel - begin);
      }
      offset += w_.format.block_bytes(block.values);
    }
    drain();
  }

  // All tokens with `count` panels, whose blocks lie `offset` bytes behind their beginnings.
  void multiply_panels(const Block& block, int64_t offset, int64_t panel, int64_t count, int64_t place) {
    if (units_ >= kUnitsToDrain) {
      drain();
      side_ = 0;
    } else {
      side_ ^= 2;
    }
    for (int64_t i = 0; i < count; ++i) {
      const std::byte* bytes = w_.panel(panel + i) + offset;
      open_(bytes, block.values, w_.format, *panel_buffer(side_ + i));
      prefetch(bytes + count * w_.panel_bytes(), panel + i + count < job_.panel_end, block.values);
    }
    for (int64_t u = 0; u < units_; ++u) {
      // There and back: the panel of the unit before comes first, its tiles are loaded already.
      for (int64_t i = 0; i < count; ++i) {
        const int64_t of_pair = u % 2 == 0 ? i : count - 1 - i;
        begin_unit(block, u, panel + of_pair, place + of_pair, panel_buffer(side_ + of_pair));
      }
    }
  }

  void begin_unit(const Block& block, int64_t u, int64_t panel, int64_t place, const Panel* opened) {
    typename Product::Unit& now = last_two_[turn_];
    now.panel = opened;
    now.place = acc_place(block, panel);
    if constexpr (kTwoTiles<Product>) {
      place_tile(block, 2 * u, panel, place, now.x);
      place_tile(block, 2 * u + 1, panel, place, now.y);
    } else {
      place_tile(block, u, panel, place, now.x);
    }
    product_.advance(&now, live_ ? &last_two_[turn_ ^ 1] : nullptr);
    live_ = true;
    turn_ ^= 1;
  }

  void drain() {
    if (live_) product_.advance(nullptr, &last_two_[turn_ ^ 1]);
    live_ = false;
  }

  void lay_tiles(int64_t block) {
    const int64_t tiles = kTwoTiles<Product> ? tiling_.tiles() : units_;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int8_t* from = x_.digits + x_.column(block, first_token(tile)) * kBlockValues;
      int8_t* to = tiles_ + tile * kTileDigits;
      for (int64_t column = 0; column < tokens_of(tile) * x_.planes; ++column) {
        lay_column<Product::kTileValues>(from + column * kBlockValues, to + column * Product::kTileValues);
      }
    }
  }

  // The 256 digits of a column, cut into steps that lie 16 columns apart.
  template <int kBytes>
  static void lay_column(const int8_t* from, int8_t* to) {
    for (int i = 0; i < kBlockValues / kBytes; ++i, from += kBytes, to += kTileRows * kBytes) {
      if constexpr (kBytes == 64) {
        _mm512_storeu_si512(to, _mm512_loadu_si512(from));
      } else if constexpr (kBytes == 32) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
      } else {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                         _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
      }
    }
  }

  int64_t first_token(int64_t tile) const {
    if constexpr (kTwoTiles<Product>) return tiling_.first(tile);
    const int64_t start = tile * tiling_.per_tile;
    const int64_t last_start = tiling_.rows - tiling_.x_tokens;
    return start < last_start ? start : last_start;
  }
  int64_t tokens_of(int64_t tile) const {
    return kTwoTiles<Product> ? tiling_.tokens(tile) : tiling_.x_tokens;
  }

  // Tiles without the one that only makes the number even.
  int64_t real_tiles() const { return (tiling_.rows + tiling_.per_tile - 1) / tiling_.per_tile; }

  Panel* panel_buffer(int64_t i) const {
    return reinterpret_cast<Panel*>(panels_ + i * WalkMemory::kPanelBytes);
  }

  void place_tile(const Block& block, int64_t tile, int64_t panel, int64_t place, TokenTile& to) const {
    const int64_t first = first_token(tile);
    const int64_t column = x_.column(block.index, first);
    to.digits = tiles_ + tile * kTileDigits;
    to.scale = x_.scale + block.index * x_.rows + first;
    to.total = reinterpret_cast<const float*>(facts_ + first * 64);
    to.sums = prepare_ == nullptr ? x_.sums + column * 16
                                  : reinterpret_cast<const int16_t*>(facts_) + first * x_.planes * 8;
    to.tokens = static_cast<int>(tokens_of(tile));
    float* sums = sums_ + place * WalkMemory::sums_of_panel(tiling_) + tile * tiling_.per_tile * kPanelRows;
    to.from = block.first ? zeros_ : sums;
    to.to = block.last ? job_.y + first * job_.y_stride + panel * kPanelRows : sums;
  }

  AccPlace acc_place(const Block& block, int64_t panel) const {
    constexpr unsigned all = 0xffff;
    if (!block.last) return {kPanelRows, all, false};
    const int64_t rows = w_.rows - panel * kPanelRows;
    if (rows < kPanelRows) return {job_.y_stride, static_cast<__mmask16>(all >> (kPanelRows - rows)), false};
    return {job_.y_stride, all, streams_};
  }

  // The next pair's block: another place in memory, which the hardware does not foresee.
  void prefetch(const std::byte* bytes, bool exists, int64_t values) const {
    if (!exists) return;
    const int64_t size = w_.format.block_bytes(values);
    for (int64_t i = 0; i < size; i += 64)
      _mm_prefetch(reinterpret_cast<const char*>(bytes + i), _MM_HINT_T1);
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
  std::byte* panels_ = nullptr;
  float* zeros_ = nullptr;
  std::byte* facts_ = nullptr;
  int8_t* tiles_ = nullptr;
  bool streams_ = false;
  float* sums_ = nullptr;
};

}  // namespace kilter::cpu::amx
