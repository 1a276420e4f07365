// Whether a number is right: its distance from the oracle's, measured in bounds.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace kilter {

/// What can be said of a value. Of many values the worst is said; the order is from best to worst.
enum class Verdict {
  exact,                ///< the very number that the oracle has
  within_guarantee,     ///< no further than any correct computation may be
  cannot_say,           ///< nothing to judge by: no bound, no oracle, no element. Never counts as a pass
  outside_expectation,  ///< possible, if unlikely roundings came together
  outside_guarantee,    ///< not what the contract says
};

/// "exact", "within guarantee", ...
std::string_view to_string(Verdict verdict);

/// Whether nothing is wrong and something was seen.
inline bool passes(Verdict verdict) { return verdict <= Verdict::within_guarantee; }

/// How far a value may be from the oracle's. A bound that is NaN, negative or infinite says nothing.
struct Bounds {
  double guaranteed = 0;
  double expected = 0;  ///< at most `guaranteed`
};

/// |value - oracle| / bound. 0 where they are equal, infinities too; infinite where one of them is no number
/// and the other is, or the bound is 0.
double margin(float value, float oracle, double bound);

/// The verdict on one value. Two NaN say nothing: nobody knows what they stand for.
Verdict judge(float value, float oracle, const Bounds& bounds);

/// Many values in a few numbers.
struct Margins {
  int64_t elements = 0;
  int64_t exact = 0;
  int64_t cannot_say = 0;
  int64_t outside_expectation = 0;  ///< those outside the guarantee are not among them
  int64_t outside_guarantee = 0;
  double worst = 0;              ///< largest margin by the guaranteed bound, of those that can be judged
  int64_t worst_at = -1;         ///< its place in the order of add(); -1 while all are exact
  double worst_of_expected = 0;  ///< largest margin by the expected bound

  void add(float value, float oracle, const Bounds& bounds);
  /// As if the values of `more` had been added behind these.
  void append(const Margins& more);
  /// Elements outside one of the bounds, as a share of all.
  double share_outside() const;
  /// The worst of all elements; cannot_say where there is none.
  Verdict verdict() const;
};

}  // namespace kilter
