// The arithmetic contract as data: how each op rounds. Bounds, documentation and tests are made from it; a
// kernel that rounds otherwise changes this table, or it is wrong.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace kilter {

/// Which arithmetic a backend computes in.
enum class Arithmetic {
  reference,  ///< f64 throughout; each value is shown rounded once to f32, and handed on as it was before
              ///< that
  fast,       ///< activations of matrix products in one int8 plane: 8 bits a block of 256
  accurate,   ///< in two planes: 16-bit block fixed point
  exact,      ///< in three planes: 24-bit block fixed point
  f32,        ///< no integers: decoded weights, one chain of fused multiply-adds an output
};

/// How an op's result depends on the length of its sum.
enum class SumLength {
  none,       ///< no sum: an element-wise op or a copy
  row,        ///< the vector that is normalised
  n_in,       ///< columns of the weight
  head,       ///< Hk
  positions,  ///< L
};

/// One op under one arithmetic. The operands are taken as exact: numbers that the caller wrote as f32 or,
/// inside a pass of the reference, the f64 that an op before made (so that only the last f32 rounding is
/// seen). `u64` is 2^-53, `u32` is 2^-24 (unit round-off of f64 and f32).
///   |value - exact| <= u32 * (|exact| + inside) + inside + least / 2,
///   inside = (n + extra_roundings) * u64 * S
/// where S is the same expression with every term replaced by its magnitude, and `least` the least subnormal.
/// Without output_roundings only `inside` is left.
struct OpContract {
  std::string_view op;  ///< the function of ops.h
  Arithmetic arithmetic;
  SumLength sum;          ///< what n is
  int extra_roundings;    ///< f64 roundings outside the sum, special functions at 1 ULP each included
  int output_roundings;   ///< f32 roundings of the stored value: 0 for a copy, else 1
  std::string_view note;  ///< what the numbers stand for
};

std::span<const OpContract> all_contracts();

/// The row of an op, or null when the table lacks it.
const OpContract* find_contract(std::string_view op, Arithmetic arithmetic);

/// The bound of the formula above, in units of the result.
///   exact_magnitude = |exact|, term_magnitude = S, n = length of the sum (0 for SumLength::none).
double contract_bound(const OpContract& contract, double exact_magnitude, double term_magnitude, int64_t n);

}  // namespace kilter
