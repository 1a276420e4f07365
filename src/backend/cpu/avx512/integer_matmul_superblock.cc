// Q2_K to Q6_K: 256 values share one f16 scale, and each unit of 16 or 32 values a small integer scale.
//
// S = sum over units of sc * s, s = sum over the unit of q * p, has to be exact in int32. A product of 32-bit
// lanes (vpmulld) costs two slots of the ports that vpdpbusd needs. Instead s is kept within 16 bits: then
// one vpdpwssd multiplies it, lane by lane, with the pair (sc, 0): the low half of the lane is s, the high
// half is the sign of s and meets the 0. What keeps s within [-32768, 32767], for digits p in [-128, 127]:
//   the codes count from a centre, and a unit is cut into parts:
//           stored u  counted       values a part   largest s                least s
//   Q2_K    0..15     u             16              15 * 127 * 16 =  30480   15 * -128 * 16 = -30720
//   Q3_K    0..15     u - 4         16              11 * 127 * 16 =  22352   11 * -128 * 16 = -22528
//   Q4_K    0..15     u - 7         32               8 * 127 * 32 =  32512    8 * -128 * 32 = -32768
//   Q5_K    0..31     u - 15        16              16 * 127 * 16 =  32512   16 * -128 * 16 = -32768
//   Q6_K    0..63     32 - u         8              32 * 127 *  8 =  32512   32 * -128 *  8 = -32768
// (the negative side of the counted codes is narrower: 31 * 128 * 8 = 31744 and so on).
//
// vpdpbusd needs one operand without sign. Q2_K to Q5_K give it the stored code: sum u * p, and the
// accumulator of a part starts from -centre * (sum of its digits), made for each tile from the sums that come
// with the digits and read by broadcast. Q6_K has no sums of 8 digits. It gives the digits, as p + 128, and
// the counted codes are the signed operand: the accumulator starts from -128 * (sum of the counted codes),
// one vector a part, made when the block is unpacked. Its sums change sign, so its scales are stored
// negative.
//
// What the centre leaves out comes back once a block: S += sum over units of (centre * sc) * (sum of digits),
// as T is made: unit sums fit 16 bits, so vpdpwssd does two units at a time.
#include <cstdint>

#include "backend/cpu/avx512/integer_matmul_block.h"
#include "backend/cpu/avx512/integer_matmul_codes.h"

namespace kilter::cpu::avx512 {
namespace {

struct Q2K {
  static constexpr Codes kCodes = Codes::nibble;
  static constexpr int kUnit = 16;
  static constexpr int kPart = 16;
  static constexpr int kStart = 0;       // accumulators start from kStart * (sum of digits)
  static constexpr int kCorrection = 0;  // S += kCorrection * sc * (sum of digits)
  static constexpr bool kMinimums = true;
  static constexpr bool kSignedCodes = false;
};
struct Q3K {
  static constexpr Codes kCodes = Codes::nibble;
  static constexpr int kUnit = 16;
  static constexpr int kPart = 16;
  static constexpr int kStart = -4;
  static constexpr int kCorrection = 0;
  static constexpr bool kMinimums = false;
  static constexpr bool kSignedCodes = false;
};
struct Q4K {
  static constexpr Codes kCodes = Codes::nibble;
  static constexpr int kUnit = 32;
  static constexpr int kPart = 32;
  static constexpr int kStart = -7;
  static constexpr int kCorrection = 7;
  static constexpr bool kMinimums = true;
  static constexpr bool kSignedCodes = false;
};
struct Q5K {
  static constexpr Codes kCodes = Codes::nibble_1;
  static constexpr int kUnit = 32;
  static constexpr int kPart = 16;
  static constexpr int kStart = -15;
  static constexpr int kCorrection = 15;
  static constexpr bool kMinimums = true;
  static constexpr bool kSignedCodes = false;
};
struct Q6K {
  static constexpr Codes kCodes = Codes::nibble_2;
  static constexpr int kUnit = 16;
  static constexpr int kPart = 8;
  static constexpr int kStart = 0;
  static constexpr int kCorrection = 0;
  static constexpr bool kMinimums = false;
  static constexpr bool kSignedCodes = true;
};

template <class F>
constexpr int kUnits = kBlockValues / F::kUnit;
constexpr int kLines = kBlockValues / kLineValues;

// A pair of panel blocks, unpacked, and what a tile needs: in the L1 cache while the tokens pass by.
// [2] is the panel; a vector of int32 is [16].
struct Open {
  alignas(64) uint8_t codes[kLines][kPairPanels][kLineBytes];
  alignas(64) int32_t part_start[32][kPairPanels][16];     // signed codes only
  alignas(64) int16_t scale[16][kPairPanels][32];          // [unit]: lanes (sc, 0)
  alignas(64) int16_t correction[8][kPairPanels][32];      // [pair of units]: lanes kCorrection * (sc, sc')
  alignas(64) int16_t minimum[8][kPairPanels][32];         // [pair of units]: lanes (mn, mn')
  alignas(64) float block_scale[kPairPanels][16];          // d
  alignas(64) float block_offset[kPairPanels][16];         // -dmin
  alignas(64) uint8_t biased[kTileColumns][kBlockValues];  // signed codes only: digits + 128
  alignas(64) int32_t start[kTileColumns][16];             // [part]
  alignas(64) int16_t sums[kTileColumns][16];              // [unit]
};
static_assert(sizeof(Open) <= kBlockScratchBytes);

// Eight-bit integers of 16 rows as int32 lanes.
[[gnu::always_inline]] inline __m512i widened(const std::byte* from, bool is_signed) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes);
}

// Lanes (low, high) of 16 bits; low is below 2^16.
[[gnu::always_inline]] inline __m512i paired(__m512i low, __m512i high) {
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

// Scales and minimums of one panel.
template <class F>
[[gnu::always_inline]] inline void open_scales(const std::byte* from, int v, Open& open) {
  const std::byte* minimums = from + kUnits<F> * kPanelRows;
  const std::byte* numbers = minimums + (F::kMinimums ? kUnits<F> * kPanelRows : 0);
  const __m512i low = _mm512_set1_epi32(0xFFFF);
  for (int u = 0; u < kUnits<F>; u += 2) {
    __m512i a = widened(from + u * kPanelRows, true);
    __m512i b = widened(from + (u + 1) * kPanelRows, true);
    if constexpr (F::kSignedCodes) {  // 0 - (-128) = 128: only codes have to fit 8 bits
      a = _mm512_sub_epi32(_mm512_setzero_si512(), a);
      b = _mm512_sub_epi32(_mm512_setzero_si512(), b);
    }
    a = _mm512_and_si512(a, low);
    _mm512_store_si512(open.scale[u][v], a);
    _mm512_store_si512(open.scale[u + 1][v], _mm512_and_si512(b, low));
    if constexpr (F::kCorrection != 0) {
      const __m512i factor = _mm512_set1_epi16(F::kCorrection);
      _mm512_store_si512(open.correction[u / 2][v], _mm512_mullo_epi16(paired(a, b), factor));
    }
    if constexpr (F::kMinimums) {
      _mm512_store_si512(open.minimum[u / 2][v], paired(widened(minimums + u * kPanelRows, false),
                                                        widened(minimums + (u + 1) * kPanelRows, false)));
    }
  }
  const auto* halves = reinterpret_cast<const __m256i*>(numbers);
  _mm512_store_ps(open.block_scale[v], _mm512_cvtph_ps(_mm256_loadu_si256(halves)));
  if constexpr (F::kMinimums) {
    const __m512 dmin = _mm512_cvtph_ps(_mm256_loadu_si256(halves + 1));
    _mm512_store_ps(open.block_offset[v], _mm512_xor_ps(dmin, _mm512_set1_ps(-0.0F)));
  }
}

template <class F>
[[gnu::always_inline]] inline void open_panel(const std::byte* from, const std::byte* next, int v,
                                              Open& open) {
  constexpr int part_lines = F::kPart / kLineValues;
  const __m512i first = _mm512_set1_epi32(-128 * 32 * F::kPart);
  __m512i start = first;
  unpack_codes<F::kCodes>(
      from, kBlockValues, next, [&](int64_t line, __m512i u) __attribute__((always_inline)) {
        if constexpr (F::kSignedCodes) {
          // -128 * sum of (32 - u) = 128 * (sum of u) - 128 * 32 * values
          start = _mm512_dpbusd_epi32(start, _mm512_set1_epi8(static_cast<char>(128)), u);
          if (line % part_lines == part_lines - 1) {
            _mm512_store_si512(open.part_start[line / part_lines][v], start);
            start = first;
          }
          u = _mm512_sub_epi8(_mm512_set1_epi8(32), u);
        }
        _mm512_store_si512(open.codes[line][v], u);
      });
  constexpr int64_t code_bytes = kBlockValues * (F::kCodes == Codes::nibble     ? 8
                                                 : F::kCodes == Codes::nibble_1 ? 10
                                                                                : 12);
  open_scales<F>(from + code_bytes, v, open);
}

// Start values, unit sums and biased digits of the tile's columns.
template <class F, int columns>
[[gnu::always_inline]] inline void open_tile(const int8_t* digits, const int16_t* sums, Open& open) {
  for (int c = 0; c < columns; ++c) {
    const __m256i s = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums + c * 16));
    if constexpr (F::kStart != 0 && F::kPart == 32) {
      const __m256i start = _mm256_madd_epi16(s, _mm256_set1_epi16(F::kStart));
      _mm256_store_si256(reinterpret_cast<__m256i*>(open.start[c]), start);
    }
    if constexpr (F::kStart != 0 && F::kPart == 16) {  // 15 * 16 * 128 = 30720 fits 16 bits
      const __m256i start = _mm256_mullo_epi16(s, _mm256_set1_epi16(F::kStart));
      _mm512_store_si512(open.start[c], _mm512_cvtepi16_epi32(start));
    }
    if constexpr (F::kMinimums && F::kUnit == 32) {
      const __m256i units = _mm256_madd_epi16(s, _mm256_set1_epi16(1));
      _mm_store_si128(reinterpret_cast<__m128i*>(open.sums[c]), _mm256_cvtepi32_epi16(units));
    }
    if constexpr (F::kMinimums && F::kUnit == 16) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(open.sums[c]), s);
    }
    if constexpr (F::kSignedCodes) {
      const __m512i sign = _mm512_set1_epi8(static_cast<char>(128));
      unroll<4>([&](auto i) __attribute__((always_inline)) {
        const __m512i p = load512(digits + c * kBlockValues + i * 64);
        _mm512_store_si512(open.biased[c] + i * 64, _mm512_xor_si512(p, sign));
      });
    }
  }
}

template <class F>
[[gnu::always_inline]] inline __m512i dot_bytes(__m512i sum, __m512i codes, __m512i digits) {
  if constexpr (F::kSignedCodes) return _mm512_dpbusd_epi32(sum, digits, codes);
  return _mm512_dpbusd_epi32(sum, codes, digits);
}

// S for all columns: 12 chains over the lines of a part, then their vpdpwssd. Chains of the next part do not
// depend on it, so they run in its latency.
template <class F, int columns>
[[gnu::always_inline]] inline void sum_units(const Open& open, const int8_t* digits, Pairs<columns>& sum) {
  constexpr int part_lines = F::kPart / kLineValues;
  constexpr int unit_parts = F::kUnit / F::kPart;
  const auto* codes = &open.codes[0][0][0];
  const int8_t* at = F::kSignedCodes ? reinterpret_cast<const int8_t*>(open.biased[0]) : digits;
  for (int u = 0; u < kUnits<F>; ++u, codes += F::kUnit / 4 * kPairPanels * kLineBytes, at += F::kUnit) {
    prefetch_digits<F::kUnit * columns>(digits + columns * kBlockValues, u);
    unroll<unit_parts>([&](auto h) __attribute__((always_inline)) {
      const int part = u * unit_parts + h;
      Pairs<columns> s;
      unroll<columns>([&](auto c) __attribute__((always_inline)) {
        unroll<kPairPanels>([&](auto v) __attribute__((always_inline)) {
          if constexpr (F::kSignedCodes) {
            s[c][v] = _mm512_load_si512(open.part_start[part][v]);
          } else {
            s[c][v] = F::kStart == 0 ? _mm512_setzero_si512() : broadcast32(&open.start[c][part]);
          }
        });
      });
      unroll<part_lines>([&](auto i) __attribute__((always_inline)) {
        constexpr int line = h * part_lines + i;
        const __m512i codes0 = _mm512_load_si512(codes + line * kPairPanels * kLineBytes);
        const __m512i codes1 = _mm512_load_si512(codes + (line * kPairPanels + 1) * kLineBytes);
        unroll<columns>([&](auto c) __attribute__((always_inline)) {
          const __m512i p = broadcast32(at + c * kBlockValues + line * kLineValues);
          s[c][0] = dot_bytes<F>(s[c][0], codes0, p);
          s[c][1] = dot_bytes<F>(s[c][1], codes1, p);
        });
      });
      unroll<kPairPanels>([&](auto v) __attribute__((always_inline)) {
        const __m512i scale = _mm512_load_si512(open.scale[u][v]);
        unroll<columns>([&](auto c) __attribute__((always_inline)) {
          sum[c][v] = _mm512_dpwssd_epi32(sum[c][v], s[c][v], scale);
        });
      });
    });
  }
}

// One block times the tokens of a tile.
template <class F, int tokens, int planes>
[[gnu::always_inline]] inline void multiply_tile(const BlockJob& job, Open& open, int64_t token) {
  constexpr int columns = tokens * planes;
  const int64_t first = job.x->column(job.block, token);
  const int8_t* digits = job.x->digits + first * kBlockValues;
  const int16_t* sums = job.x->sums + first * 16;
  open_tile<F, columns>(digits, sums, open);
  // GCC would keep what it has just stored in registers, and shuffle numbers out of them on a port that
  // vpdpbusd needs; read back, a broadcast costs a load.
  asm volatile("" ::: "memory");
  Pairs<columns> sum;      // S
  Pairs<columns> minimum;  // T
  unroll<columns * kPairPanels>([&](auto i) __attribute__((always_inline)) {
    sum[i / kPairPanels][i % kPairPanels] = _mm512_setzero_si512();
    minimum[i / kPairPanels][i % kPairPanels] = _mm512_setzero_si512();
  });
  sum_units<F, columns>(open, digits, sum);
  if constexpr (F::kMinimums) {
    for (int j = 0; j < kUnits<F> / 2; ++j) {
      unroll<columns>([&](auto c) __attribute__((always_inline)) {
        const __m512i units = broadcast32(&open.sums[c][2 * j]);
        unroll<kPairPanels>([&](auto v) __attribute__((always_inline)) {
          minimum[c][v] = _mm512_dpwssd_epi32(minimum[c][v], _mm512_load_si512(open.minimum[j][v]), units);
          if constexpr (F::kCorrection != 0) {
            sum[c][v] = _mm512_dpwssd_epi32(sum[c][v], _mm512_load_si512(open.correction[j][v]), units);
          }
        });
      });
    }
  }
  unroll<tokens>([&](auto t) __attribute__((always_inline)) {
    unroll<kPairPanels>([&](auto v) __attribute__((always_inline)) {
      Vectors<planes> s;
      Vectors<planes> m;
      unroll<planes>([&](auto p) __attribute__((always_inline)) {
        s[p] = sum[t * planes + p][v];
        m[p] = minimum[t * planes + p][v];
      });
      __m512 x = _mm512_setzero_ps();
      if constexpr (F::kMinimums) {
        x = _mm512_fmadd_ps(_mm512_load_ps(open.block_offset[v]), joined<planes>(m), x);
      }
      x = _mm512_fmadd_ps(_mm512_load_ps(open.block_scale[v]), joined<planes>(s), x);
      accumulate(job, token + t, v, x);
    });
  });
}

template <class F, int tokens, int planes>
[[gnu::noinline]] void multiply_tiles(const BlockJob& job, int64_t begin, int64_t end) {
  auto& open = *reinterpret_cast<Open*>(job.scratch);
  for (int64_t t = begin; t < end; t += tokens) multiply_tile<F, tokens, planes>(job, open, t);
}

// The tokens that are left: fewer than a tile.
template <class F, int tokens, int planes>
[[gnu::always_inline]] inline void multiply_rest(const BlockJob& job, int64_t begin) {
  if constexpr (tokens > 0) {
    if (job.x->rows - begin == tokens) return multiply_tiles<F, tokens, planes>(job, begin, job.x->rows);
    multiply_rest<F, tokens - 1, planes>(job, begin);
  }
}

template <class F, int planes>
void multiply_block(const BlockJob& job) {
  constexpr int tokens = kTileColumns / planes;
  auto& open = *reinterpret_cast<Open*>(job.scratch);
  for (int v = 0; v < kPairPanels; ++v) open_panel<F>(job.panel[v], job.next[v], v, open);
  const int64_t rest = job.x->rows % tokens;
  if (rest != job.x->rows) multiply_tiles<F, tokens, planes>(job, 0, job.x->rows - rest);
  multiply_rest<F, tokens - 1, planes>(job, job.x->rows - rest);
}

template <class F>
BlockKernel kernel_of(int planes) {
  return planes == 1 ? multiply_block<F, 1> : planes == 2 ? multiply_block<F, 2> : multiply_block<F, 3>;
}

}  // namespace

BlockKernel superblock_kernel(const PanelFormat& format, int planes) {
  switch (format.codes) {
    case Codes::nibble_1:
      return kernel_of<Q5K>(planes);
    case Codes::nibble_2:
      return kernel_of<Q6K>(planes);
    case Codes::nibble:
    case Codes::byte:
      break;
  }
  if (format.unit == 32) return kernel_of<Q4K>(planes);
  return format.has_offset ? kernel_of<Q2K>(planes) : kernel_of<Q3K>(planes);
}

}  // namespace kilter::cpu::avx512
