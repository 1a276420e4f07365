// What honest engines do to numbers: tried before the word bug.
#pragma once

#include <span>
#include <string_view>

#include "analysis/judge/expected_error.h"
#include "analysis/judge/score.h"
#include "analysis/replay/rounding.h"

namespace kilter::analysis {

/// One way of rounding, with what a report says of it.
class Benign : public Rounding {
 public:
  virtual std::string_view id() const = 0;
  /// "activations rounded to 8 bits, as llama.cpp does"
  virtual std::string_view sentence() const = 0;
  /// Adds to the bounds what the rounding may do beyond the numbers that Rounding simulates: `y` is the exact
  /// value. Errors: those of the view.
  virtual Status widen(const Node& node, std::span<const float> y, BoundContext& context,
                       ErrorBounds& bounds) const = 0;
  /// simulated: the operands and results are rounded as the engine does it, and little is left. allowed_for:
  /// the bounds are widened, no more: bugs are tried first, since such bounds could hide one.
  enum class Kind { simulated, allowed_for };
  virtual Kind kind() const { return Kind::simulated; }
  /// Of an allowed_for: errors as large as it may make them, for what they do to later values. Else null.
  virtual std::shared_ptr<const Rounding> noise() const { return nullptr; }
  /// Whether errors that are within the widened bounds look like this rounding. A bound alone may hide a bug.
  virtual bool looks_like_it(const Score&) const { return true; }
  /// Whether numbers that the engine showed can have come out of this: all of them are bf16, say.
  virtual bool could_give(const Node&, std::span<const float> /*seen*/) const { return true; }
};

/// Every entry: single ones before those that stand for several at once, what one engine does to all its
/// values.
std::span<const std::shared_ptr<const Benign>> all_benign();

}  // namespace kilter::analysis
