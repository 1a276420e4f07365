#include "ops/contract.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace kilter {
namespace {

constexpr Arithmetic kReference = Arithmetic::reference;
constexpr Arithmetic kF32 = Arithmetic::f32;

// Half a unit of an activation, as a share of the largest of its block; the scale itself is rounded.
constexpr double half_unit(double top) { return (1 + 0x1p-24) / (2 * top); }

constexpr std::array kContracts = {
    OpContract{"embed", kReference, SumLength::none, 1, 0, 1, 0,
               "decode; rounds only numbers that f32 cannot hold"},
    OpContract{"rmsnorm", kReference, SumLength::row, 1, 6, 1, 0,
               "/n, +eps, sqrt, the quotient, two products"},
    OpContract{"matmul", kReference, SumLength::n_in, 1, 1, 1, 0, "each product may round"},
    OpContract{"add_bias", kReference, SumLength::none, 1, 1, 1, 0, "one f64 sum"},
    OpContract{"rope", kReference, SumLength::none, 1, 8, 1, 0,
               "cos and sin at 1 ULP each, two products, one sum, the magnitude; the angle is a definition"},
    OpContract{"kv_store", kReference, SumLength::none, 1, 0, 0, 0, "a copy"},
    OpContract{"attention_scores", kReference, SumLength::head, 1, 2, 1, 0, "each product, and the scale"},
    OpContract{"softmax", kReference, SumLength::positions, 1, 108, 1, 0,
               "exp at 1 ULP, quotient; the difference d = s - m may be off by u64 |d|, and |d| < 104 where "
               "f32 is not 0"},
    OpContract{"attention_mix", kReference, SumLength::positions, 1, 1, 1, 0, "each product"},
    OpContract{"silu", kReference, SumLength::none, 1, 4, 1, 0, "exp at 1 ULP, sum, quotient"},
    OpContract{"multiply", kReference, SumLength::none, 1, 1, 1, 0, "one f64 product"},
    OpContract{"add", kReference, SumLength::none, 1, 1, 1, 0, "one f64 sum"},
    OpContract{"take_rows", kReference, SumLength::none, 1, 0, 0, 0, "a copy"},

    OpContract{"embed", kF32, SumLength::none, 1, 0, 1, 0, "decode, one fused multiply-add"},
    OpContract{
        "rmsnorm", kF32, SumLength::row, 32, 9, 0, 0,
        "the mean: a chain of n / 16 in each of 16 lanes, 4 in the tree, / n, + eps, all halved by the "
        "root; then (one more for second order) the root, its inverse, two products, a decoded gain"},
    OpContract{
        "matmul", Arithmetic::fast, SumLength::n_in, 256, 20, 0, half_unit(127),
        "a chain over blocks; in a block at most 16 fused multiply-adds with group scales and offsets, "
        "1 as the integer sum becomes f32; 3 for the activation; B is the 8-bit fixed point"},
    OpContract{"matmul", Arithmetic::accurate, SumLength::n_in, 256, 21, 0, half_unit(32639),
               "as in fast, but 2 roundings where two planes are joined"},
    OpContract{"matmul", Arithmetic::exact, SumLength::n_in, 256, 22, 0, half_unit(8355710),
               "as in fast, but 3 roundings where three planes are joined"},
    OpContract{"matmul", kF32, SumLength::n_in, 1, 1, 0, 0, "one chain; a decoded weight is rounded once"},
    OpContract{"add_bias", kF32, SumLength::none, 1, 1, 1, 0, "a decoded bias, one sum"},
    OpContract{"rope", kF32, SumLength::none, 1, 3, 1, 0,
               "cos or sin from f64 (2 with its own error), one product, one fused multiply-add"},
    OpContract{"kv_store", kF32, SumLength::none, 1, 0, 0, 0, "a copy; a cache of f16 adds f16_rounding()"},
    OpContract{"attention_scores", kF32, SumLength::head, 1, 1, 0, 0, "one chain, and the scale"},
    OpContract{
        "softmax", kF32, SumLength::positions, 64, 30, 0, 0x1p-24,
        "B = p |d|: d = s - m is rounded. exp at 0.91 ULP (2), 1 / sum, product. The sum: exp (2), 3 a "
        "lane, 4 in the tree, 1 a tile of 64; its own d, weighted: sum p |d| <= ln n < 17"},
    OpContract{"attention_mix", kF32, SumLength::positions, 64, 64, 0, 0,
               "a chain in each tile of 64 positions, a chain over tiles"},
    OpContract{"silu", kF32, SumLength::none, 1, 6, 0, 0,
               "exp at 0.91 ULP (2), its product with x, 1 + e (which halves the error of e), the quotient"},
    OpContract{"multiply", kF32, SumLength::none, 1, 0, 1, 0, "one product"},
    OpContract{"add", kF32, SumLength::none, 1, 0, 1, 0, "one sum"},
    OpContract{"take_rows", kF32, SumLength::none, 1, 0, 0, 0, "a copy"},
};

const OpContract* row_of(std::string_view op, Arithmetic arithmetic) {
  for (const OpContract& c : kContracts) {
    if (c.op == op && c.arithmetic == arithmetic) return &c;
  }
  return nullptr;
}

double unit_of(const OpContract& contract) { return contract.arithmetic == kReference ? 0x1p-53 : 0x1p-24; }

// gamma(m) of contract.h.
double gamma(double roundings, double unit) {
  const double all = roundings * unit;
  return all < 0.5 ? all / (1 - all) : std::numeric_limits<double>::infinity();
}

// Roundings that a term passes along the sum.
double sum_roundings(const OpContract& contract, const Magnitudes& of) {
  if (contract.sum == SumLength::none) return 0;
  return std::ceil(static_cast<double>(of.n) / static_cast<double>(contract.terms_a_rounding));
}

// The formula of contract.h for so many roundings along the sum.
double bound(const OpContract& contract, const Magnitudes& of, double along) {
  const bool reference = contract.arithmetic == kReference;
  const double roundings = along + contract.extra_roundings;
  const double share = gamma(roundings, unit_of(contract));
  if (std::isinf(share)) return share;
  const double inside = share * of.terms + contract.operand_rounding * of.operands;
  const double least =
      reference ? contract.output_roundings * 0x1p-150 : (roundings + contract.output_roundings) * 0x1p-134;
  return inside + contract.output_roundings * 0x1p-24 * (of.exact + inside) + least;
}

}  // namespace

std::span<const OpContract> all_contracts() { return kContracts; }

const OpContract* find_contract(std::string_view op, Arithmetic arithmetic) {
  const OpContract* row = row_of(op, arithmetic);
  return row != nullptr || arithmetic == kReference ? row : row_of(op, kF32);
}

Arithmetic product_arithmetic(Arithmetic arithmetic, DType weights) {
  const bool plain = dtype_info(weights).block_values == 1;
  return plain && arithmetic != kReference ? kF32 : arithmetic;
}

double contract_bound(const OpContract& contract, const Magnitudes& of) {
  return bound(contract, of, sum_roundings(contract, of));
}

double expected_bound(const OpContract& contract, const Magnitudes& of) {
  const double along = sum_roundings(contract, of);
  const double guaranteed = bound(contract, of, along);
  const double lucky = kExpectedLambda * std::sqrt(along);
  if (!(lucky < along)) return guaranteed;
  const double higher_orders = 1 + gamma(along + contract.extra_roundings, unit_of(contract));
  return std::min(guaranteed, higher_orders * bound(contract, of, lucky));
}

double expected_failure(int64_t elements) {
  return static_cast<double>(elements) * 2 * std::exp(-kExpectedLambda * kExpectedLambda / 2);
}

double f16_rounding(double number) { return std::max(0x1p-11 * std::abs(number), 0x1p-25); }

}  // namespace kilter
