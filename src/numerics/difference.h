// How far one column of numbers is from another, in the measures that people know. None of them decides
// whether a value is right: bounds of the arithmetic contract do.
#pragma once

#include <cstdint>
#include <span>

namespace kilter {

/// All sums run in f64 over the pairs of which both numbers are finite.
struct Difference {
  int64_t count = 0;           ///< all pairs
  int64_t n_other_bits = 0;    ///< pairs that differ in a bit: +0 and -0 do, and so do two kinds of NaN
  int64_t n_incomparable = 0;  ///< pairs with a NaN or an infinity, unless both are the same infinity
  int64_t max_ulps = 0;        ///< over the comparable pairs; ulp.h
  double max_abs = 0;          ///< largest |got - want|
  int64_t max_abs_at = -1;     ///< its index; -1 where all are equal
  double max_rel = 0;          ///< largest |got - want| / |want| where want is not 0
  double rms = 0;              ///< sqrt of the mean of (got - want)^2
  double nmse = 0;    ///< sum (got - want)^2 / sum want^2; 0 where both are 0, infinite where want is
  double cosine = 1;  ///< got . want / (|got| |want|); 1 where both are 0, 0 where one is
};

/// Shapes   got, want: [n], the same n.
Difference difference(std::span<const float> got, std::span<const float> want);

/// Kullback-Leibler divergence of two rows of logits, in natural logarithms: what is lost by believing `got`.
///   sum_i p_i * (ln p_i - ln q_i),   p = softmax(want), q = softmax(got)
/// Shapes   got, want: [V], the same V > 0.   NaN where a logit is NaN or +infinity, or all are -infinity.
/// Source   Kullback & Leibler 1951, eq. 2.4.
double kl_divergence(std::span<const float> got, std::span<const float> want);

}  // namespace kilter
