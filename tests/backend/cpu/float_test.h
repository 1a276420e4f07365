// What the tests of float kernels share: one case an instruction set, numbers, the comparison of bits.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "float_tables.h"

namespace kilter::cpu {

/// Runs with each table; skips those that this machine has no instructions for.
class FloatKernels : public testing::TestWithParam<FloatTable> {
 protected:
  void SetUp() override {
    if (!GetParam().runs_here) GTEST_SKIP() << "no " << GetParam().kernels.name << " here";
  }
  const KernelTable& kernels() const { return GetParam().kernels; }

  std::mt19937_64 random{20};

  float normal() { return std::normal_distribution<float>()(random); }
  std::vector<float> normals(int64_t n) {
    std::vector<float> x(static_cast<size_t>(n));
    for (float& v : x) v = normal();
    return x;
  }
  /// Any bits: every binade, subnormals, infinities and NaNs.
  float any_bits() { return std::bit_cast<float>(static_cast<uint32_t>(random())); }
};

/// The numbers at which a formula may break.
inline const std::vector<float>& edge_numbers() {
  using Limits = std::numeric_limits<float>;
  static const std::vector<float> numbers = {0.0F,
                                             -0.0F,
                                             1.0F,
                                             -1.0F,
                                             Limits::denorm_min(),
                                             -Limits::denorm_min(),
                                             1e-40F,
                                             -1e-40F,
                                             0x1p-126F,
                                             Limits::max(),
                                             -Limits::max(),
                                             Limits::infinity(),
                                             -Limits::infinity(),
                                             Limits::quiet_NaN(),
                                             65504.0F,
                                             65519.996F,
                                             65520.0F,
                                             -65520.0F,
                                             0x1p-24F,
                                             0x1p-25F,
                                             0x1.000002p-25F,
                                             -0x1p-14F,
                                             0x1.ffcp-15F,
                                             88.72283F,
                                             88.72284F,
                                             -87.33655F,
                                             -103.97208F,
                                             -103.97209F,
                                             -104.0F,
                                             -104.00001F,
                                             89.0F,
                                             89.00001F};
  return numbers;
}

/// The same bits; any NaN equals any NaN.
inline bool same_bits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

/// Fails at the first difference.
inline void expect_same_bits(const std::vector<float>& got, const std::vector<float>& expected,
                             const std::string& what) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_TRUE(same_bits(got[i], expected[i]))
        << what << ", element " << i << ": " << got[i] << ", defined " << expected[i];
  }
}

/// Names a case after its instruction set.
inline std::string table_name(const testing::TestParamInfo<FloatTable>& info) {
  return std::string(info.param.kernels.name);
}

}  // namespace kilter::cpu
