// Formats whose groups of 16 to 256 values have a float scale each: x = fma(scale, f(S), x) a group.
//
// vpdpbusd takes the stored code without sign and the digit with sign: S = sum u * p - zero * sum p. The
// accumulators start from -zero * sum p, and f(T) = f(sum p) does not depend on the row: both are made once a
// tile from the sums that come with the digits, and read by broadcast. |S| <= 256 * 255 * 128 < 2^23.
#include <cstdint>

#include "backend/cpu/avx512/integer_matmul_block.h"
#include "backend/cpu/avx512/integer_matmul_codes.h"

namespace kilter::cpu::avx512 {
namespace {

constexpr int kLines = kBlockValues / kLineValues;

// A pair of panel blocks, unpacked, and what a tile needs. [2] is the panel.
struct Open {
  alignas(64) uint8_t codes[kLines][kPairPanels][kLineBytes];
  alignas(64) float scale[16][kPairPanels][16];   // [group]
  alignas(64) float offset[16][kPairPanels][16];  // [group]
  alignas(64) int32_t start[kTileColumns][16];    // [group]
  alignas(64) float minimum[kTileColumns][16];    // f(T): [token][group]
  int64_t groups;
  int64_t steps;  // runs of kLines lines in a group
};
static_assert(sizeof(Open) <= kBlockScratchBytes);

void open_codes(const std::byte* from, const BlockJob& job, int v, Open& open) {
  const auto store = [&](int64_t line, __m512i u) __attribute__((always_inline)) {
    _mm512_store_si512(open.codes[line][v], u);
  };
  switch (job.format->codes) {
    case Codes::nibble:
      return unpack_codes<Codes::nibble>(from, job.n, job.next[v], store);
    case Codes::nibble_1:
      return unpack_codes<Codes::nibble_1>(from, job.n, job.next[v], store);
    case Codes::nibble_2:
      return unpack_codes<Codes::nibble_2>(from, job.n, job.next[v], store);
    case Codes::byte:
      return unpack_codes<Codes::byte>(from, job.n, job.next[v], store);
  }
}

void open_panel(const BlockJob& job, int v, Open& open) {
  const PanelFormat& format = *job.format;
  open_codes(job.panel[v], job, v, open);
  const std::byte* numbers = job.panel[v] + format.code_bytes(job.n);
  const auto next = [&]() __attribute__((always_inline)) {
    __m512 number;
    if (format.scales == Scales::f16) {
      number = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(numbers)));
      numbers += 2 * kPanelRows;
    } else {
      number = _mm512_loadu_ps(numbers);
      numbers += 4 * kPanelRows;
    }
    return number;
  };
  for (int64_t g = 0; g < open.groups; ++g) _mm512_store_ps(open.scale[g][v], next());
  if (!format.has_offset) return;
  for (int64_t g = 0; g < open.groups; ++g) _mm512_store_ps(open.offset[g][v], next());
}

// Start values and f(T) of a tile.
template <int tokens, int planes, bool offset>
[[gnu::always_inline]] inline void open_tile(const BlockJob& job, const int16_t* sums, Open& open) {
  const int group = job.format->group;
  const auto minus_zero = static_cast<int16_t>(-job.format->zero);
  for (int c = 0; c < tokens * planes; ++c) {
    const __m256i s = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums + c * 16));
    if (group == 16) {  // 128 * 2048 does not fit 16 bits
      const __m512i start = _mm512_mullo_epi32(_mm512_cvtepi16_epi32(s), _mm512_set1_epi32(minus_zero));
      _mm512_store_si512(open.start[c], start);
      continue;
    }
    const __m256i start = _mm256_madd_epi16(s, _mm256_set1_epi16(minus_zero));
    _mm256_store_si256(reinterpret_cast<__m256i*>(open.start[c]), start);
    const int pairs = group / 32;
    if (pairs == 1) continue;
    for (int g = 0; g < kBlockValues / group; ++g) {
      int32_t whole = 0;
      for (int i = 0; i < pairs; ++i) whole += open.start[c][g * pairs + i];
      open.start[c][g] = whole;
    }
  }
  if constexpr (offset) {  // groups of 32 only
    for (int t = 0; t < tokens; ++t) {
      Vectors<planes> sum;
      for (int p = 0; p < planes; ++p) {
        const auto* from = reinterpret_cast<const __m256i*>(sums + (t * planes + p) * 16);
        sum[p] = _mm512_castsi256_si512(_mm256_madd_epi16(_mm256_loadu_si256(from), _mm256_set1_epi16(1)));
      }
      _mm512_store_ps(open.minimum[t], joined<planes>(sum));
    }
  }
}

// One block times the tokens of a tile. `lines` lines a step: 4 for groups of 16, otherwise 8.
template <int tokens, int planes, int lines, bool offset>
[[gnu::always_inline]] inline void multiply_tile(const BlockJob& job, Open& open, int64_t token) {
  constexpr int columns = tokens * planes;
  const int64_t first = job.x->column(job.block, token);
  const int8_t* digits = job.x->digits + first * kBlockValues;
  open_tile<tokens, planes, offset>(job, job.x->sums + first * 16, open);
  FloatPairs<tokens> x;
  unroll<tokens>([&](auto t) __attribute__((always_inline)) { x[t][0] = x[t][1] = _mm512_setzero_ps(); });
  const auto* codes = &open.codes[0][0][0];
  const int8_t* next = digits + columns * kBlockValues;
  for (int64_t g = 0; g < open.groups; ++g) {
    Pairs<columns> s;
    unroll<columns>([&](auto c) __attribute__((always_inline)) {
      s[c][0] = s[c][1] = broadcast32(&open.start[c][g]);
    });
    for (int64_t step = 0; step < open.steps; ++step) {
      prefetch_digits<lines * kLineValues * columns>(next, g * open.steps + step);
      unroll<lines>([&](auto i) __attribute__((always_inline)) {
        const __m512i codes0 = _mm512_load_si512(codes + i * kPairPanels * kLineBytes);
        const __m512i codes1 = _mm512_load_si512(codes + (i * kPairPanels + 1) * kLineBytes);
        unroll<columns>([&](auto c) __attribute__((always_inline)) {
          const __m512i p = broadcast32(digits + c * kBlockValues + i * kLineValues);
          s[c][0] = _mm512_dpbusd_epi32(s[c][0], codes0, p);
          s[c][1] = _mm512_dpbusd_epi32(s[c][1], codes1, p);
        });
      });
      codes += lines * kPairPanels * kLineBytes;
      digits += lines * kLineValues;
    }
    unroll<kPairPanels>([&](auto v) __attribute__((always_inline)) {
      const __m512 group_scale = _mm512_load_ps(open.scale[g][v]);
      unroll<tokens>([&](auto t) __attribute__((always_inline)) {
        Vectors<planes> planes_of;
        unroll<planes>([&](auto p) __attribute__((always_inline)) { planes_of[p] = s[t * planes + p][v]; });
        if constexpr (offset) {
          const __m512 group_offset = _mm512_load_ps(open.offset[g][v]);
          x[t][v] = _mm512_fmadd_ps(group_offset, _mm512_set1_ps(open.minimum[t][g]), x[t][v]);
        }
        x[t][v] = _mm512_fmadd_ps(group_scale, joined<planes>(planes_of), x[t][v]);
      });
    });
  }
  unroll<tokens>([&](auto t) __attribute__((always_inline)) {
    unroll<kPairPanels>([&](auto v)
                            __attribute__((always_inline)) { accumulate(job, token + t, v, x[t][v]); });
  });
}

template <int tokens, int planes, int lines, bool offset>
[[gnu::noinline]] void multiply_tiles(const BlockJob& job, int64_t begin, int64_t end) {
  auto& open = *reinterpret_cast<Open*>(job.scratch);
  for (int64_t t = begin; t < end; t += tokens) {
    multiply_tile<tokens, planes, lines, offset>(job, open, t);
  }
}

// The tokens that are left: fewer than a tile.
template <int tokens, int planes, int lines, bool offset>
[[gnu::always_inline]] inline void multiply_rest(const BlockJob& job, int64_t begin) {
  if constexpr (tokens > 0) {
    if (job.x->rows - begin == tokens) {
      return multiply_tiles<tokens, planes, lines, offset>(job, begin, job.x->rows);
    }
    multiply_rest<tokens - 1, planes, lines, offset>(job, begin);
  }
}

template <int planes, int lines, bool offset>
void multiply_block(const BlockJob& job) {
  constexpr int tokens = kTileColumns / planes;
  auto& open = *reinterpret_cast<Open*>(job.scratch);
  open.groups = job.n / job.format->group;
  open.steps = job.format->group / (lines * kLineValues);
  for (int v = 0; v < kPairPanels; ++v) open_panel(job, v, open);
  const int64_t rest = job.x->rows % tokens;
  if (rest != job.x->rows) multiply_tiles<tokens, planes, lines, offset>(job, 0, job.x->rows - rest);
  multiply_rest<tokens - 1, planes, lines, offset>(job, job.x->rows - rest);
}

template <int lines, bool offset>
BlockKernel kernel_of(int planes) {
  return planes == 1   ? multiply_block<1, lines, offset>
         : planes == 2 ? multiply_block<2, lines, offset>
                       : multiply_block<3, lines, offset>;
}

}  // namespace

BlockKernel group_kernel(const PanelFormat& format, int planes) {
  if (format.group == 16) return kernel_of<4, false>(planes);
  return format.has_offset ? kernel_of<8, true>(planes) : kernel_of<8, false>(planes);
}

}  // namespace kilter::cpu::avx512
