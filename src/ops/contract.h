// The arithmetic contract as data: how each op rounds. Bounds, documentation and tests are made from it; a
// kernel that rounds otherwise changes this table, or it is wrong.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tensor/dtype.h"

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

/// One op under one arithmetic. The operands are taken as exact: numbers that the caller wrote as f32, what
/// the cache really holds or, inside a pass of the reference, the f64 that an op before made (so that only
/// the last f32 rounding is seen). `u` is the unit round-off of what is computed in: 2^-53 for the reference,
/// 2^-24 for all others; `u32` is 2^-24.
///   |value - exact| <= inside + output_roundings * u32 * (|exact| + inside) + least
///   inside = gamma(m) * S + operand_rounding * B,      gamma(m) = m u / (1 - m u)
///   m      = ceil(n / terms_a_rounding) + extra_roundings; the first summand is 0 for SumLength::none
/// No term of a sum passes through more than m roundings, whatever the order of the sum (Higham 2002, Lemma
/// 3.1): the kernels' own depth, which is far below n where a sum is made in blocks.
///   S      the expression with every term replaced by its magnitude
///   B      what a change of the operands by one unit each changes: see the rows that have one; else 0
///   least  reference: output_roundings * 2^-150. Others: 2^-134 for each rounding, since one that ends below
///          the normal numbers loses up to 2^-150, and a factor of up to 2^16 may follow.
/// The rows but those of the reference hold for operands below 2^16 and as long as no f32 inside overflows.
///
/// Products with block types, in blocks b of 256 activations (backend/cpu/kernel_table.h), for an element
/// w[k] = p[k] + o[k], scaled code and offset of the format, with `largest` = max |x[k]| over the block:
///   S = sum over k of (|p[k]| + |o[k]|) * (|x[k]| + largest / 64)
///   B = sum over k of |w[k]| * max(largest, 2^-76)
/// because an activation becomes scale * a, a = x * inverse rounded to an integer, scale = largest / top:
/// three roundings and half a unit, |scale * a - x| <= gamma(3) |x| + largest / (2 top) * (1 + u). Blocks
/// with largest < 2^-100 count as zeros, which is less than 2^-76 / (2 top). The digits of `a`, each with its
/// weight, add up to at most |a| + top / 126 in magnitude, so roundings of the parts of a sum are within
/// largest * (1/126 + 1/254) < largest / 64 of what |x| accounts for.
struct OpContract {
  std::string_view op;  ///< the function of ops.h
  Arithmetic arithmetic;
  SumLength sum;             ///< what n is
  int64_t terms_a_rounding;  ///< of the longest chain
  int extra_roundings;       ///< outside the sum, special functions included
  int output_roundings;      ///< f32 roundings of the stored value that are not in m
  double operand_rounding;   ///< what one unit of B is
  std::string_view note;     ///< what the numbers stand for
};

std::span<const OpContract> all_contracts();

/// The row of an op, or null when the table lacks it. What is no product with a block type is the same in
/// `fast`, `accurate`, `exact` and `f32`, and has one row, under f32.
const OpContract* find_contract(std::string_view op, Arithmetic arithmetic);

/// In what `arithmetic` multiplies with weights of this type: plain types have no integers, so their products
/// are f32 in `fast`, `accurate` and `exact` too.
Arithmetic product_arithmetic(Arithmetic arithmetic, DType weights);

/// The numbers of one element that its bound depends on.
struct Magnitudes {
  double exact = 0;     ///< |exact|
  double terms = 0;     ///< S
  double operands = 0;  ///< B
  int64_t n = 0;        ///< length of the sum
};

/// The *guaranteed* bound: the formula above, in units of the result. Infinite where m u reaches 1/2, since a
/// sum so long may have lost all its digits.
double contract_bound(const OpContract& contract, const Magnitudes& of);

/// Standard deviations of the *expected* bound: that of a sum whose roundings do not conspire.
constexpr double kExpectedLambda = 8;

/// The *expected* bound: the same formula with min(d, lambda sqrt(d)) in place of d = ceil(n /
/// terms_a_rounding), the roundings along the sum; all others stay as they are. To first order the error of a
/// sum is
///   sum over its roundings r of delta_r s_r,   |delta_r| <= u,   s_r what is rounded in r, at most S.
/// A term passes at most d of them, so the s_r add up to at most d S and their squares to at most d S^2; for
/// roundings that are mean-independent with mean 0, Azuma's inequality gives
///   P(|error| > lambda u sqrt(d) S) <= 2 exp(-lambda^2 / 2),
/// which is expected_failure(1). Terms of higher order are below gamma(m) of the first.
/// Source   Higham & Mary 2019, "A new approach to probabilistic rounding error analysis"; for any order of
///          the sum Hallman & Ipsen 2023.
double expected_bound(const OpContract& contract, const Magnitudes& of);

/// How probable it is, at most, that of `elements` results of a correct kernel one is outside the expected
/// bound: 2.6e-14 each.
double expected_failure(int64_t elements);

/// How far a cache of f16 may be from `number`: half a unit of its 11 bits, or of the least subnormal. From
/// 65520 on f16 is infinite.
double f16_rounding(double number);

}  // namespace kilter
