// The door between CpuOps and the instruction sets: one table of functions a set, chosen at run time. Every
// function computes the same bits in every table.
//
// The arithmetic of the functions is stated here, once; `f(n)` is an integer rounded to f32. fma is fused.
// "lanes" are 16 strided partial sums: lane i sums the elements i, i + 16, i + 32 ... in ascending order from
// zero (elements beyond the end count as zero), and tree(lanes) adds lane i and lane i + 8, then i + 4, i +
// 2, i + 1. Subnormals are numbers like all others. Where a NaN comes out one comes out everywhere; its sign
// and payload are open.
//
// exp(x), the same everywhere (float/exponential.h says why so):
//   x < -104: 0.   x > 89: infinity.   NaN: NaN.   otherwise
//   n = x * 0x1.715476p+0, the exact product rounded to the nearest integer, ties to even
//   r = fma(n, -0x1.7f7d1cp-20, fma(n, -0x1.62e4p-1, x))
//   p = 0x1.6ff26cp-10; then p = fma(p, r, c) for c = 0x1.1257dap-7, 0x1.5552fep-5, 0x1.555466p-3, 1/2, 1, 1
//   exp(x) = p * 2^n rounded once: infinity for x >= 88.7228394, 0 for x <= -103.972084
// Its error is below 0.91 units in the last place of the exact value, subnormal ones included: the largest of
// all f32 is 0.9092, at 0x1.4cc98p+2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "backend/cpu/packed_weight.h"

namespace kilter::cpu {

/// Rows of activations as integers: per block of 256 values a scale and 1 to 3 planes of balanced digits.
///   value[k] = scale * (p0[k] + 256 p1[k] + 65536 p2[k]),  p in [-128, 127]
/// Made so, a block at a time (the last block is filled up with zeros):
///   largest = max |x[k]|, compared as the integers of their bits;  top = 127, 32639 or 8355710
///   largest is NaN or infinite: scale NaN, digits 0.   largest < 2^-100: scale 0, digits 0.
///   otherwise inverse = top / largest;  a[k] = x[k] * inverse, rounded to the nearest integer, ties to even;
///   scale = largest / top;  p0 is the low byte of a as a signed number, p1 that of (a - p0) / 256, and so on
/// Digits reach 8355711, but a f32 so large has a last place of 1/2: the largest number times a rounded
/// inverse may be top + 1/2, which has to round down, to the even top.
struct QuantisedRows {
  int64_t rows = 0;
  int64_t cols = 0;
  int planes = 1;
  int8_t* digits = nullptr;  ///< [block][row][plane][256]
  int16_t* sums = nullptr;   ///< [block][row][plane][16]: sums of 16 neighbouring digits
  float* scale = nullptr;    ///< [block][row]
  /// The digits once more, as matrix tiles of 16 columns, where KernelTable::tiled_digit_bytes asks for them:
  /// [block][tile][64 values of 4][column of 16][64]. A tile has whole rows, 16 / planes of them, in order;
  /// columns without a row have no meaning. There is an even number of tiles.
  int8_t* tiles = nullptr;

  [[gnu::always_inline]] int64_t rows_of_tile() const { return 16 / planes; }
  [[gnu::always_inline]] int64_t tile_count() const {
    const int64_t of_two = 2 * rows_of_tile();
    return (rows + of_two - 1) / of_two * 2;
  }
  [[gnu::always_inline]] int8_t* tile(int64_t block, int64_t i) const {
    return tiles + (block * tile_count() + i) * 16 * kBlockValues;
  }
  [[gnu::always_inline]] int64_t blocks() const { return (cols + kBlockValues - 1) / kBlockValues; }
  /// First of the columns (row, plane) of a block; column c is kBlockValues * c behind it.
  [[gnu::always_inline]] int64_t column(int64_t block, int64_t row) const {
    return (block * rows + row) * planes;
  }
};

/// Integer product: y[t,o] for the rows o of panels [panel_begin, panel_end), all rows t.
///   acc = 0; for each block in ascending order:
///     x = 0; for each group g of the block in ascending order:
///       S_p = sum over the group of sc[k] * q[k] * digit_p[k]      exact integer, for each plane p
///       T_p = sum over the group of mn[k] * digit_p[k]             exact integer   (mn = 1 without integer
///       scales) f(S) = f(S_0), fma(256, f(S_1), f(S_0)) or fma(65536, f(S_2), fma(256, f(S_1), f(S_0)));
///       f(T) alike where there are offsets: x = fma(offset, f(T), x)          offset is -dmin for integer
///       scales x = fma(scale, f(S), x)                                    scale is d for integer scales
///     acc = fma(activation scale, x, acc)
///   y = acc
struct MatmulJob {
  const QuantisedRows* x = nullptr;
  const PackedWeight* w = nullptr;  ///< PanelKind::integer
  float* y = nullptr;               ///< [rows, y_stride]
  int64_t y_stride = 0;
  int64_t panel_begin = 0;
  int64_t panel_end = 0;
  std::byte* scratch = nullptr;  ///< this thread's: matmul_scratch_bytes(), aligned to 64
};

/// Product in f32: y[t,o] = one chain of fma(w[o,k], x[t,k], acc), k ascending from acc = 0. Integer panels
/// are decoded first: w = fma(scale, q, offset), which is the number that the format defines, rounded once.
struct F32MatmulJob {
  const float* x = nullptr;  ///< [rows, cols]
  int64_t rows = 0;
  const PackedWeight* w = nullptr;  ///< any kind
  float* y = nullptr;               ///< [rows, y_stride]
  int64_t y_stride = 0;
  int64_t panel_begin = 0;
  int64_t panel_end = 0;
  std::byte* scratch = nullptr;  ///< this thread's: kF32ScratchBytes, aligned to 64
};
constexpr int64_t kF32ScratchBytes = int64_t{kBlockValues} * kPanelRows * 4 + 8192;

/// y = x / sqrt(mean of x^2 + eps) * w, vector by vector:
///   q = tree(lanes of fma(x, x, lane));  r = 1 / sqrt(q / n + eps);  y[i] = (x[i] * r) * w[i]
struct RmsNormJob {
  const float* x = nullptr;  ///< [vectors, n]
  const float* w = nullptr;  ///< [n]
  float eps = 0;
  int64_t n = 0;
  int64_t vectors = 0;
  float* y = nullptr;  ///< may be x
};

/// Rotates one row's heads. c and s are cos and sin times the magnitude, computed in f64 and rounded once.
///   y_i = fma(x_i, c, -(x_j * s));   y_j = fma(x_i, s, x_j * c)
struct RopeJob {
  const float* x = nullptr;    ///< [heads, width]
  const float* cos = nullptr;  ///< [n_rot / 2]
  const float* sin = nullptr;
  int64_t heads = 0;
  int64_t width = 0;
  int64_t n_rot = 0;
  bool adjacent = true;  ///< pairs (2i, 2i+1); otherwise (i, i + n_rot/2)
  float* y = nullptr;    ///< may be x
};

/// How a cached number is stored.
enum class KvType : uint8_t { f16, f32 };

/// One layer's keys or values. Blocks of 64 positions; inside a block, per head:
///   keys    [width][64]: positions are lanes of the scores
///   values  [64][width]: elements are lanes of the mix
struct KvPool {
  std::byte* data = nullptr;
  KvType type = KvType::f16;
  int64_t heads = 0;
  int64_t width = 0;

  [[gnu::always_inline]] int64_t value_bytes() const { return type == KvType::f16 ? 2 : 4; }
  /// Start of one head in one block.
  [[gnu::always_inline]] std::byte* head(int64_t block, int64_t h) const {
    return data + (block * heads + h) * width * 64 * value_bytes();
  }
};

/// Stores one position of all heads: x [heads, width], rounded to f16 (nearest even, from 65520 on infinity)
/// where the pool is f16. A NaN is stored as a quiet one of its sign.
struct KvStoreJob {
  const float* x = nullptr;
  KvPool pool;
  int64_t block = 0;
  int64_t slot = 0;
};

/// The queries of neighbouring rows of one sequence that read one kv head. Query h is one of the row
/// h / queries, and sees its positions [0, seen), seen = visible[h / queries].
///   scores  s[h,l] = scale * (one chain of fma(q[h,i], k[l,i], acc), i ascending from 0)
///   mix     y[h,i] = sum over tiles of 64 positions, ascending from 0, of
///                    (one chain of fma(p[h,l], v[l,i], acc), l ascending from 0), for l < seen
/// Queries and scores lie in tiles of 64 elements and positions: element i of query h is
///   q[i / 64 * step + h * 64 + i % 64],  and s alike with position l
/// Scores beyond `seen` may be written, up to the end of the last tile that any row sees, and mean nothing;
/// neither they nor the values there meet each other in mix.
struct AttentionJob {
  const int32_t* blocks = nullptr;  ///< of the sequence
  int64_t rows = 1;
  const int64_t* visible = nullptr;  ///< [rows], ascending
  int64_t kv_head = 0;
  int64_t queries = 0;  ///< of each row
  KvPool k;
  KvPool v;
  const float* q = nullptr;  ///< k.width elements a query
  float scale = 0;
  float* s = nullptr;     ///< scores made or probabilities read
  int64_t step = 0;       ///< at least rows * queries * 64
  float* y = nullptr;     ///< [rows * queries, v.width]
  float* open = nullptr;  ///< this thread's: room for a block of one head in f32
};

/// Softmax of a row in place, over `n` scores of which some, not all, may be -infinity. Where a score is NaN
/// or +infinity, or all are -infinity, the whole row becomes NaN.
///   max is that of the scores that are no NaN
///   e[l] = exp(s[l] - max);  tile sums = tree(lanes) of 64 positions each, added in ascending order from 0
///   p[l] = e[l] * (1 / sum)
/// Score l stands at s[l / 64 * tile_step + l % 64].
struct SoftmaxJob {
  float* s = nullptr;
  int64_t n = 0;
  int64_t tile_step = 64;
};

/// One instruction set.
struct KernelTable {
  std::string_view name;  ///< "generic", "avx2", "avx2vnni", "avx512", "amx", "neon"

  /// x [rows, cols]: digits, sums and scales of some rows, and their columns of the tiles if there are tiles.
  void (*quantise)(const float* x, int64_t row_begin, int64_t row_end, const QuantisedRows& to);
  /// Bytes that QuantisedRows::tiles needs if matmul is to have them; 0 for none. Null: never any.
  int64_t (*tiled_digit_bytes)(const QuantisedRows& x) = nullptr;
  int64_t (*matmul_scratch_bytes)(int64_t rows, int planes);
  void (*matmul)(const MatmulJob& job);
  void (*matmul_f32)(const F32MatmulJob& job);

  void (*rmsnorm)(const RmsNormJob& job);
  void (*rope)(const RopeJob& job);
  void (*store_keys)(const KvStoreJob& job);
  void (*store_values)(const KvStoreJob& job);
  void (*attention_scores)(const AttentionJob& job);
  void (*softmax)(const SoftmaxJob& job);
  void (*attention_mix)(const AttentionJob& job);

  void (*add)(const float* a, const float* b, int64_t n, float* y);       ///< y = a + b
  void (*multiply)(const float* a, const float* b, int64_t n, float* y);  ///< y = a * b
  /// y = x / (1 + exp(-x)), made so that y is accurate where exp(-x) is infinite:
  ///   e = exp(-|x|);  y = (x < 0 ? x * e : x) / (1 + e);  -0 for x < -104
  void (*silu)(const float* x, int64_t n, float* y);

  /// Multiplies bytes in the way that matmul does, `rounds` times the same few in the first-level cache, and
  /// returns how many multiply-adds that were: what the processor can do at best. Null where there is none.
  int64_t (*int8_peak)(int64_t rounds) = nullptr;
};

}  // namespace kilter::cpu
