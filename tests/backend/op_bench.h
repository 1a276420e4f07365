// What the op tests share: memory for tensors and weights, random numbers, and the judgement by contract.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string_view>
#include <vector>

#include "ops/contract.h"
#include "ops/ops.h"

namespace kilter {

/// The answer of a second formulation in long double (64 bits of mantissa or more).
struct Exact {
  long double value = 0;
  long double magnitude = 0;  ///< S of contract.h
  int64_t n = 0;              ///< length of the sum
  long double operands = 0;   ///< B of contract.h
};

/// A weight with bytes of its own, and its numbers: reference_decode_test proves decode_row().
struct TestWeight {
  Weight weight;
  std::vector<std::byte> bytes;
  std::vector<double> values;  ///< [rows, cols]

  long double at(int64_t row, int64_t col) const {
    return static_cast<long double>(values[static_cast<size_t>(row * weight.cols + col)]);
  }
};

/// The tensors and weights of one test.
class OpBench {
 public:
  explicit OpBench(uint64_t seed) : random_(seed) {}

  /// Zeros; the memory lives as long as the bench.
  Tensor zeros(Shape shape);
  /// Numbers of either sign over many binades, zeros and subnormals among them.
  Tensor random(Shape shape);
  /// A tensor with these numbers.
  Tensor of(Shape shape, std::vector<float> values);
  Tensor copy(const Tensor& x);

  /// Random blocks whose numbers are finite and of moderate size. cols is rounded up to whole blocks.
  const TestWeight& weight(DType type, int64_t rows, int64_t cols);
  /// An F32 weight with these numbers.
  const TestWeight& weight_of(int64_t rows, int64_t cols, const std::vector<float>& values);

  int32_t below(int32_t n) { return static_cast<int32_t>(random_() % static_cast<uint64_t>(n)); }
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }

 private:
  struct Block {
    std::vector<std::byte> bytes;
    std::vector<double> values;
  };

  float number();
  Block moderate_block(const DTypeInfo& info);
  const TestWeight& keep(TestWeight weight);

  std::mt19937_64 random_;
  std::deque<std::vector<float>> memory_;
  std::deque<TestWeight> weights_;
};

/// All elements of a tensor on the host.
std::span<float> elements(const Tensor& x);
long double element(const Tensor& x, int64_t i);

/// Fails unless `value`, element `i`, is within the op's bound from the exact one.
void expect_element(const OpContract& contract, float value, const Exact& exact, int64_t i);

/// The same for all elements of y, up to the first failure. `exact(i)` gives that of element i.
template <typename Function>
void expect_within_contract(std::string_view op, Arithmetic arithmetic, const Tensor& y, Function exact) {
  const OpContract* contract = find_contract(op, arithmetic);
  ASSERT_NE(contract, nullptr) << op;
  for (int64_t i = 0; i < y.shape.elements() && !testing::Test::HasFailure(); ++i) {
    expect_element(*contract, y.data[i], exact(i), i);
  }
}

/// The same bits; any NaN equals any NaN.
void expect_same_bits(const Tensor& a, const Tensor& b);

/// Any op call needs a name for the value it makes.
constexpr At kAnywhere{Point::logits, -1};

}  // namespace kilter
