// How far an honest engine may be from the exact value, when all that is known of it is that it computes in
// f32.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <vector>

#include "analysis/replay/mutation.h"
#include "kilter/result.h"
#include "ops/graph.h"

namespace kilter::analysis {

/// Two bounds of one op's own error, an element each.
///
/// expected    Rounding errors of independent signs: a sum of n terms is off by more than
///               kLambda * sqrt(n) * u * S,   u = 2^-24, S >= sum of the magnitudes of its terms,
///             with a probability below 2 exp(-kLambda^2 / 2) = 3e-8 (Higham & Mary 2019, Theorem 2.4,
///             whatever the order of the sum). What is added to sums is counted in roundings of the result.
/// guaranteed  n * u * S in place of it: no order of an f32 sum is worse (Higham 2002, section 4.2); and 4
/// times the
///             other roundings.
///
/// The values that an op reads may be shown rounded: an engine may keep them longer or wider than it dumps
/// them.
///
/// S of a product is taken as |w| |x|, the Euclidean norms of row and vector, which is at least the sum of
/// magnitudes (Cauchy-Schwarz). Angles of rope may be made in f32, by repeated multiplication, as ggml makes
/// them: pair j at position p is then off by p * frequency * (j + 4) * u.
struct ErrorBounds {
  std::vector<double> expected;
  std::vector<double> guaranteed;
};

constexpr double kLambda = 6;
constexpr double kUnit = 0x1p-24;

/// The Euclidean norm of each row of weights, kept once they are known: they cost a decoding of the whole
/// matrix.
class WeightNorms {
 public:
  /// [w.rows]; valid as long as this object. The weight's bytes must stay what they are. Errors: those of
  /// quant::decode.
  Result<std::span<const double>> of(const Weight& w);

 private:
  std::map<const std::byte*, std::vector<double>> known_;
};

/// What bounds are made from.
struct BoundContext {
  ReplayView& view;
  WeightNorms& norms;
};

/// Bounds of the node's value `y` ([rows, row...]: its exact numbers), from the values it reads.
/// Errors: those of the view.
Result<ErrorBounds> error_bounds(const Node& node, std::span<const float> y, BoundContext& context);

}  // namespace kilter::analysis
