// The bounds of the contract, counted out by hand from the formula in contract.h.
#include "ops/contract.h"

#include <gtest/gtest.h>

#include <limits>

namespace kilter {
namespace {

constexpr double kU = 0x1p-24;

double bound(std::string_view op, Arithmetic arithmetic, const Magnitudes& of) {
  return contract_bound(*find_contract(op, arithmetic), of);
}

TEST(Contract, OneSum) {
  EXPECT_DOUBLE_EQ(bound("add", Arithmetic::f32, {.exact = 8, .terms = 100}), 8 * kU + 0x1p-134);
  const double inside = 0x1p-53 * 100 / (1 - 0x1p-53);
  EXPECT_DOUBLE_EQ(bound("add", Arithmetic::reference, {.exact = 8, .terms = 100}),
                   inside + kU * (8 + inside) + 0x1p-150);
}

TEST(Contract, ACopyIsExact) {
  for (const Arithmetic arithmetic : {Arithmetic::reference, Arithmetic::fast, Arithmetic::f32}) {
    EXPECT_EQ(bound("take_rows", arithmetic, {.exact = 8, .terms = 8}), 0);
  }
}

TEST(Contract, ProductsOfBlocks) {
  // 600 columns are 3 blocks, so 3 roundings in the chain, and 20, 21 or 22 elsewhere.
  const Magnitudes of{.exact = 1, .terms = 3, .operands = 2, .n = 600};
  const auto gamma = [](double m) { return m * kU / (1 - m * kU); };
  EXPECT_DOUBLE_EQ(bound("matmul", Arithmetic::fast, of), gamma(23) * 3 + 2 * (1 + kU) / 254 + 23 * 0x1p-134);
  EXPECT_DOUBLE_EQ(bound("matmul", Arithmetic::accurate, of),
                   gamma(24) * 3 + 2 * (1 + kU) / 65278 + 24 * 0x1p-134);
  EXPECT_DOUBLE_EQ(bound("matmul", Arithmetic::exact, of),
                   gamma(25) * 3 + 2 * (1 + kU) / 16711420 + 25 * 0x1p-134);
  EXPECT_DOUBLE_EQ(bound("matmul", Arithmetic::f32, {.exact = 1, .terms = 3, .n = 600}),
                   gamma(601) * 3 + 601 * 0x1p-134);
}

TEST(Contract, WhatHasNoIntegersIsF32) {
  EXPECT_EQ(find_contract("silu", Arithmetic::fast), find_contract("silu", Arithmetic::f32));
  EXPECT_NE(find_contract("matmul", Arithmetic::fast), find_contract("matmul", Arithmetic::f32));
  EXPECT_EQ(find_contract("scale", Arithmetic::f32), nullptr);
  EXPECT_EQ(product_arithmetic(Arithmetic::exact, DType::q4_k), Arithmetic::exact);
  EXPECT_EQ(product_arithmetic(Arithmetic::exact, DType::bf16), Arithmetic::f32);
  EXPECT_EQ(product_arithmetic(Arithmetic::reference, DType::bf16), Arithmetic::reference);
}

double expected(std::string_view op, Arithmetic arithmetic, const Magnitudes& of) {
  return expected_bound(*find_contract(op, arithmetic), of);
}

TEST(Contract, LongSumsAreExpectedToBeBetter) {
  // 8 sqrt(4096) = 512 in place of 4096 roundings, and one more; second order is within gamma(4097).
  const Magnitudes of{.exact = 1, .terms = 3, .n = 4096};
  const auto gamma = [](double m) { return m * kU / (1 - m * kU); };
  EXPECT_DOUBLE_EQ(expected("matmul", Arithmetic::f32, of),
                   (1 + gamma(4097)) * (gamma(513) * 3 + 513 * 0x1p-134));
  EXPECT_LT(expected("matmul", Arithmetic::f32, of), bound("matmul", Arithmetic::f32, of) / 7);
}

TEST(Contract, ShortSumsAreNot) {
  // Up to 64 roundings 8 sqrt(d) is no less than d.
  for (const int64_t n : {1, 64}) {
    const Magnitudes of{.exact = 1, .terms = 3, .n = n};
    EXPECT_EQ(expected("matmul", Arithmetic::f32, of), bound("matmul", Arithmetic::f32, of));
  }
  const Magnitudes of{.exact = 8, .terms = 8, .n = 65};
  EXPECT_LT(expected("matmul", Arithmetic::f32, of), bound("matmul", Arithmetic::f32, of));
  EXPECT_EQ(expected("add", Arithmetic::f32, of), bound("add", Arithmetic::f32, of));
}

TEST(Contract, TheChanceOfAFalseAlarm) {
  EXPECT_NEAR(expected_failure(1), 2 * 1.2664165549094e-14, 1e-26);  // exp(-32) from a table
  EXPECT_DOUBLE_EQ(expected_failure(1000), 1000 * expected_failure(1));
}

TEST(Contract, ASumTooLongForItsDigitsHasNoBound) {
  const Magnitudes of{.exact = 1, .terms = 1, .n = int64_t{1} << 23};
  EXPECT_EQ(bound("matmul", Arithmetic::f32, of), std::numeric_limits<double>::infinity());
}

TEST(Contract, AnF16HasElevenBits) {
  EXPECT_EQ(f16_rounding(-2048), 1);
  EXPECT_EQ(f16_rounding(1e-7), 0x1p-25);
}

}  // namespace
}  // namespace kilter
