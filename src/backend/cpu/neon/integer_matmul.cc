// All codes by sdot: four products a lane. Compiled for Armv8.2-A with the dot product instructions.
#include "backend/cpu/neon/integer_matmul.h"

#include "backend/cpu/neon/matmul_body.h"

namespace kilter::cpu::neon {
namespace {

// A lane is a row, and four digits of a column are one lane of the other operand: sdot by element needs no
// broadcast.
struct Sdot {
  // Four rows of two neighbouring lines stay as they are: [line][16 rows][4 k].
  static void put(int8_t* lines, int64_t quarter, int8x16_t first, int8x16_t second) {
    vst1q_s8(lines + quarter * 16, first);
    vst1q_s8(lines + kLineBytes + quarter * 16, second);
  }

  template <int kLine, int kColumns>
  static void add_line(const int8_t* codes, const int8x16_t (&digits)[size_t{kColumns}],
                       RowSums<kColumns>& sum) {
    for (int r = 0; r < 4; ++r) {
      const int8x16_t rows = vld1q_s8(codes + kLine * kLineBytes + r * 16);
      for (int c = 0; c < kColumns; ++c) sum[c][r] = vdotq_laneq_s32(sum[c][r], rows, digits[c], kLine);
    }
  }

  template <int kColumns>
  static void sum_lines(const int8_t* codes, const int8_t* digits, int64_t lines, RowSums<kColumns>& sum) {
    for (auto& column : sum) {
      for (int32x4_t& rows : column) rows = vdupq_n_s32(0);
    }
    for (int64_t line = 0; line < lines; line += 4) {
      int8x16_t sixteen[size_t{kColumns}];
      for (int c = 0; c < kColumns; ++c) {
        sixteen[c] = vld1q_s8(digits + c * kBlockValues + line * kLineValues);
      }
      add_line<0, kColumns>(codes + line * kLineBytes, sixteen, sum);
      add_line<1, kColumns>(codes + line * kLineBytes, sixteen, sum);
      add_line<2, kColumns>(codes + line * kLineBytes, sixteen, sum);
      add_line<3, kColumns>(codes + line * kLineBytes, sixteen, sum);
    }
  }
};

}  // namespace

int64_t integer_matmul_scratch_bytes(int64_t rows, int) { return matmul_scratch_bytes(rows); }

void integer_matmul(const MatmulJob& job) { multiply<Sdot>(job); }

}  // namespace kilter::cpu::neon
