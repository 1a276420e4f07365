// Codes of 4 to 6 bits by vpmaddubsw, bytes widened to 16 bits.
#include "backend/cpu/avx2/integer_matmul.h"

#include "backend/cpu/avx2/matmul_body.h"

namespace kilter::cpu::avx2 {
namespace {

// Four products a lane of 32 bits, summed as two lanes of 16: twice as many sums an instruction as any other
// way without VNNI, and pmaddwd scales and widens them at once. vpmaddubsw saturates at 32767, so the sums
// have to be taken out in time. One step adds 2 * largest code * 128 at most:
//   4 bits  3840, eight lines 30720     5 bits  7936, four lines 31744     6 bits  16128, two lines 32256
struct Maddubs {
  static constexpr int64_t kDigitBytes = 1;
  static constexpr int kColumns = 4;
  static constexpr bool kUnroll = false;
  static constexpr bool kSigned = false;

  static __m256i step(__m256i sum, __m256i codes, __m256i digits) {
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(codes, digits));
  }
  static __m256i whole(__m256i sum) { return _mm256_madd_epi16(sum, _mm256_set1_epi16(1)); }
  // Both lanes of 16 bits get the scale: exact in 32 bits, 2 * 32256 * 128 = 8.3 M.
  static __m256i scaled(__m256i sum, __m256i scale) { return _mm256_madd_epi16(sum, scale); }
  static __m256i scale_operand(__m128i scale) {
    return _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(scale, scale));
  }
};

// Bytes reach 2 * 255 * 128 = 65280 in one step of vpmaddubsw: too much. As signed numbers of 16 bits
// (code - 128) they go through pmaddwd, whose sums of 32 bits hold a block: 256 * 128 * 128 = 4.2 M.
// A line here is [16 rows][2 k]: see widen_codes().
struct Wide {
  static constexpr int64_t kDigitBytes = 2;
  static constexpr int kColumns = 4;
  static constexpr bool kUnroll = false;
  static constexpr bool kSigned = true;

  static __m256i step(__m256i sum, __m256i codes, __m256i digits) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(codes, digits));
  }
  static __m256i whole(__m256i sum) { return sum; }
};

}  // namespace

int64_t integer_matmul_scratch_bytes(int64_t rows, int) { return matmul_scratch_bytes(rows); }

void integer_matmul(const MatmulJob& job) {
  const PanelFormat& format = job.w->format;
  if (format.codes == Codes::byte) {
    // Eight lines of two k: a group of 16.
    multiply_panels<Wide, GroupTile, 8>(job);
  } else if (format.scales == Scales::integer) {
    if (format.codes == Codes::nibble_2) {
      multiply_panels<Maddubs, UnitTile, 2>(job);
    } else if (format.codes == Codes::nibble_1 || format.unit == 16) {
      multiply_panels<Maddubs, UnitTile, 4>(job);
    } else {
      multiply_panels<Maddubs, UnitTile, 8>(job);
    }
  } else if (format.codes == Codes::nibble_1) {
    multiply_panels<Maddubs, GroupTile, 4>(job);
  } else {
    multiply_panels<Maddubs, GroupTile, 8>(job);
  }
}

}  // namespace kilter::cpu::avx2
