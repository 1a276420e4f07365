// What a bug may learn from the numbers that were seen: pairs of them with what they were made from, and the
// small fits that several bugs share.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "analysis/bugs/ops/op_bug.h"

namespace kilter::analysis {

/// A seen element and the right one.
struct SeenPair {
  int32_t token = 0;    ///< whose row
  int64_t element = 0;  ///< of the row
  double seen = 0;
  double right = 0;
};

/// Seen rows next to rows of the run: `of` is [rows(at), row...], e.g. value(input) or run(node). Elements
/// that the dump lacks are left out, and so is what is not finite. Empty where the shapes do not belong
/// together.
std::vector<SeenPair> pair_up(const Suspect& suspect, std::span<const float> of);
/// Seen next to the right value of the suspect's own node. Empty where that cannot be computed.
std::vector<SeenPair> seen_and_right(const Suspect& suspect);

/// One factor c with seen = c * right, by least squares. Empty where nothing fits: fewer than four pairs, all
/// zero, or a residual above `relative` of the seen numbers' own size.
std::optional<double> fit_factor(std::span<const SeenPair> pairs, double relative = 1e-3);
/// c of seen = c * tanh(right / c), from the pair with the largest right value. Empty where none of the pairs
/// is large enough to tell, or where other pairs deny it.
std::optional<double> fit_soft_cap(std::span<const SeenPair> pairs);

/// The row of a token among the seen rows, or -1.
int64_t seen_row(const Suspect& suspect, int32_t token);
/// Whether the dump has that element of the seen rows.
bool is_known(const Suspect& suspect, int64_t row, int64_t element);

/// Rows of a weight, decoded: [rows, cols]. Errors: those of quant::decode.
Result<Numbers> decoded(const Weight& w, int64_t first_row, int64_t rows);
/// x . w^T in f64, rounded once.   x: [T, w.cols]   -> [T, w.rows]
Result<Numbers> product(std::span<const float> x, const Weight& w);
/// x * w * scale(row) for vectors of w.cols.
using NormScale = std::function<double(std::span<const float> vector)>;
Result<Numbers> normed(std::span<const float> x, const Weight& w, const NormScale& scale);

/// Mean square of a vector.
double mean_square(std::span<const float> vector);

/// "4" rather than "4.000000": six significant digits.
std::string short_number(double value);

}  // namespace kilter::analysis
