// All codes by the 256-bit vpdpbusd of AVX-VNNI. This file alone is compiled with -mavxvnni.
#include "backend/cpu/avx2/integer_matmul.h"
#include "backend/cpu/avx2/matmul_body.h"

namespace kilter::cpu::avx2vnni {
namespace {

// Four products a lane, summed in 32 bits without saturation: a block of bytes reaches 256 * 255 * 128 =
// 8.4 M.
struct Dpbusd {
  static constexpr int64_t kDigitBytes = 1;
  static constexpr int kColumns = 6;
  static constexpr bool kUnroll = true;
  static constexpr bool kSigned = false;

  static __m256i step(__m256i sum, __m256i codes, __m256i digits) {
    return _mm256_dpbusd_avx_epi32(sum, codes, digits);
  }
  static __m256i whole(__m256i sum) { return sum; }
  // A unit of Q6_K reaches 16 * 63 * 128 * 128 = 16.5 M, sixteen of them 264 M. vpmulld is two
  // multiplications on most processors; a unit of 32 values has 16 vpdpbusd beside them.
  static __m256i scaled(__m256i sum, __m256i scale) { return _mm256_mullo_epi32(sum, scale); }
  static __m256i scale_operand(__m128i scale) { return _mm256_cvtepi8_epi32(scale); }
};

}  // namespace

int64_t integer_matmul_scratch_bytes(int64_t rows, int) { return avx2::matmul_scratch_bytes(rows); }

void integer_matmul(const MatmulJob& job) {
  const PanelFormat& format = job.w->format;
  if (format.scales == Scales::integer) {
    if (format.unit == 16) {
      avx2::multiply_panels<Dpbusd, avx2::UnitTile, 4>(job);
    } else {
      avx2::multiply_panels<Dpbusd, avx2::UnitTile, 8>(job);
    }
  } else if (format.group == 16) {
    avx2::multiply_panels<Dpbusd, avx2::GroupTile, 4>(job);
  } else {
    avx2::multiply_panels<Dpbusd, avx2::GroupTile, 8>(job);
  }
}

}  // namespace kilter::cpu::avx2vnni
