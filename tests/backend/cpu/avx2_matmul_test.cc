// The integer products on AVX2 without and with AVX-VNNI, each where the machine has the instructions.
#include <cpuid.h>
#include <gtest/gtest.h>

#include "backend/cpu/avx2/integer_matmul.h"
#include "matmul_check.h"

namespace kilter::cpu {
namespace {

// CPUID leaf 7, subleaf 1, EAX bit 4: AVX-VNNI, the 256-bit form with VEX encoding.
bool has_avx_vnni() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & 16U) != 0;
}

bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

class Avx2Matmul : public testing::TestWithParam<MatmulUnderTest> {
 protected:
  void SetUp() override {
    if (!GetParam().available) GTEST_SKIP() << "this machine lacks the instructions";
  }
};

TEST_P(Avx2Matmul, IsTheDefinition) { expect_definition(GetParam()); }
TEST_P(Avx2Matmul, HasTheGenericBits) { expect_generic_bits(GetParam()); }
TEST_P(Avx2Matmul, HoldsTheExtremes) { expect_generic_extremes(GetParam()); }
TEST_P(Avx2Matmul, KeepsItsBorders) { expect_generic_borders(GetParam()); }

INSTANTIATE_TEST_SUITE_P(
    Sets, Avx2Matmul,
    testing::Values(MatmulUnderTest{"avx2", has_avx2(), avx2::integer_matmul,
                                    avx2::integer_matmul_scratch_bytes},
                    MatmulUnderTest{"avx2vnni", has_avx2() && has_avx_vnni(), avx2vnni::integer_matmul,
                                    avx2vnni::integer_matmul_scratch_bytes}),
    [](const testing::TestParamInfo<MatmulUnderTest>& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace kilter::cpu
