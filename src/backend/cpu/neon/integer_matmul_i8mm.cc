// All codes by smmla: a 2 x 8 matrix of codes times an 8 x 2 matrix of digits, 32 products. This file alone
// is compiled with the int8 matrix instructions.
#include "backend/cpu/neon/integer_matmul.h"
#include "backend/cpu/neon/matmul_body.h"

namespace kilter::cpu::neon_i8mm {
namespace {

using neon::RowSums;

// An operand is two rows of eight k, the other two columns of eight k, the sum {r0 c0, r0 c1, r1 c0, r1 c1}.
// A single column goes twice: as fast as sdot, and decoding one token waits for memory anyway.
struct Smmla {
  // Four rows of two neighbouring lines become rows of eight k: [16 rows][8 k].
  static void put(int8_t* lines, int64_t quarter, int8x16_t first, int8x16_t second) {
    const int32x4_t a = vreinterpretq_s32_s8(first);
    const int32x4_t b = vreinterpretq_s32_s8(second);
    vst1q_s8(lines + quarter * 32, vreinterpretq_s8_s32(vzip1q_s32(a, b)));
    vst1q_s8(lines + quarter * 32 + 16, vreinterpretq_s8_s32(vzip2q_s32(a, b)));
  }

  template <int kColumns>
  static void sum_lines(const int8_t* codes, const int8_t* digits, int64_t lines, RowSums<kColumns>& sum) {
    constexpr int kPairs = (kColumns + 1) / 2;
    int32x4_t pair_sum[size_t{kPairs}][8];  // [columns 2p, 2p + 1][rows 2i, 2i + 1]
    for (auto& pair : pair_sum) {
      for (int32x4_t& rows : pair) rows = vdupq_n_s32(0);
    }
    for (int64_t line = 0; line < lines; line += 2) {
      int8x16_t two[size_t{kPairs}];
      for (int p = 0; p < kPairs; ++p) {
        const int8_t* left = digits + 2 * p * kBlockValues + line * kLineValues;
        const int8_t* right = 2 * p + 1 < kColumns ? left + kBlockValues : left;
        two[p] = vcombine_s8(vld1_s8(left), vld1_s8(right));
      }
      for (int i = 0; i < 8; ++i) {
        const int8x16_t rows = vld1q_s8(codes + line * kLineBytes + i * 16);
        for (int p = 0; p < kPairs; ++p) pair_sum[p][i] = vmmlaq_s32(pair_sum[p][i], rows, two[p]);
      }
    }
    for (int c = 0; c < kColumns; ++c) {
      for (int r = 0; r < 4; ++r) {
        const int32x4_t low = pair_sum[c / 2][2 * r];
        const int32x4_t high = pair_sum[c / 2][2 * r + 1];
        sum[c][r] = c % 2 == 0 ? vuzp1q_s32(low, high) : vuzp2q_s32(low, high);
      }
    }
  }
};

}  // namespace

int64_t integer_matmul_scratch_bytes(int64_t rows, int) { return neon::matmul_scratch_bytes(rows); }

void integer_matmul(const MatmulJob& job) { neon::multiply<Smmla>(job); }

}  // namespace kilter::cpu::neon_i8mm
