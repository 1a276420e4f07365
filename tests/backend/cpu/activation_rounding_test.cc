// The rounding of activations that judges products, against the definition that the kernels are tested by.
#include "ops/activation_rounding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "definition.h"
#include "op_bench.h"

namespace kilter::cpu {
namespace {

struct Mode {
  Arithmetic arithmetic;
  int planes;
};
constexpr Mode kModes[] = {{Arithmetic::fast, 1}, {Arithmetic::accurate, 2}, {Arithmetic::exact, 3}};

// scale * (p0 + 256 p1 + 65536 p2), rounded once.
float defined(const DefinedRow& row, size_t k) {
  double a = 0;
  double weight = 1;
  for (const auto& plane : row.digits) {
    a += weight * plane[k];
    weight *= 256;
  }
  return static_cast<float>(double{row.scale[k / 256]} * a);
}

TEST(ActivationRounding, IsThatOfTheDefinition) {
  for (const Mode& mode : kModes) {
    OpBench bench(5);
    for (const int64_t n : {1, 31, 256, 257, 700}) {
      const Tensor x = bench.random({n});
      std::vector<float> to(static_cast<size_t>(n));
      round_activations(mode.arithmetic, elements(x), to);
      const DefinedRow row = defined_quantised(x.data, n, mode.planes);
      for (size_t k = 0; k < to.size(); ++k) ASSERT_EQ(to[k], defined(row, k)) << n << " " << k;
    }
  }
}

TEST(ActivationRounding, Edges) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const Mode& mode : kModes) {
    std::vector<float> x(512, 0x1p-101F);
    x[256] = kInf;
    round_activations(mode.arithmetic, x, x);
    EXPECT_EQ(x[0], 0);
    EXPECT_TRUE(std::isnan(x[256]));
    EXPECT_TRUE(std::isnan(x[511]));
  }
}

TEST(ActivationRounding, WhatHasNoIntegersIsNotRounded) {
  const std::vector<float> x = {0x1.234567p3F, -0x1.fedcbap-9F};
  for (const Arithmetic arithmetic : {Arithmetic::f32, Arithmetic::reference}) {
    std::vector<float> to(2);
    round_activations(arithmetic, x, to);
    EXPECT_EQ(to, x);
  }
}

}  // namespace
}  // namespace kilter::cpu
