// Ops whose every call is made twice: as it runs, and by the oracle from the same operands.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "numerics/verdict.h"
#include "observe/call_bounds.h"
#include "observe/name_filter.h"
#include "observe/recording_ops.h"
#include "ops/graph.h"

namespace kilter {

/// All values of a run, in memory: what another run is held against.
class KeptValues final : public ValueSink {
 public:
  bool wants(At) override { return true; }
  void take(At at, const Shape&, std::span<const float> values) override {
    auto& kept = values_[at];
    kept.insert(kept.end(), values.begin(), values.end());
  }

  /// The value in the order in which the passes made it; empty when none did.
  std::span<const float> find(At at) const {
    const auto found = values_.find(at);
    return found == values_.end() ? std::span<const float>() : std::span<const float>(found->second);
  }

 private:
  std::map<At, std::vector<float>, AtOrder> values_;
};

/// Sums of squares over the elements of a value whose numbers are all finite.
struct ErrorSums {
  double own = 0;        ///< value - what the oracle makes of the same operands: what this op did wrong
  double inherited = 0;  ///< that number - the value of the oracle's own run: what came in with the operands
  double twin = 0;       ///< what the twin makes of the same operands - the oracle: its own error
  double size = 0;       ///< what the oracle makes of the operands

  void append(const ErrorSums& more);
};

/// What was found about one value, over all passes.
struct VerifiedValue {
  At at;
  std::string_view op;         ///< the function of ops.h that makes it
  int64_t rows = 0;            ///< of all calls: tokens of the batch, or rows that get logits
  int64_t worst_row = -1;      ///< which of them has the largest margin; -1 while all are exact
  int64_t worst_element = -1;  ///< where in that row
  Margins margins{};
  ErrorSums errors{};
};

/// What was found about one op, over all values that it makes.
struct VerifiedOp {
  std::string_view op;
  int64_t values = 0;
  Margins margins{};
  ErrorSums errors{};
  At worst{};  ///< the value with the largest margin, or with the worst verdict
};

/// A call that was judged, while it is being looked at.
struct JudgedCall {
  const OpCall& call;  ///< its y is written, and so is its x where that is the same tensor
  const Judgement& judgement;
  std::span<const float> values;  ///< what was made, as the host reads it
};

struct VerifyOptions {
  Judging judging{};
  NameFilter filter{};                ///< by the name of the value or of the op; others run unjudged
  const KeptValues* truth = nullptr;  ///< the same passes on the oracle; null: inherited errors stay 0
  std::function<void(const JudgedCall&)> on_judged{};  ///< may be empty
  std::function<bool()> stopped{};  ///< asked before each call; once true, calls run unjudged. May be empty
};

/// Judges each call by the contract, from the operands that it really had: an error is found in the op that
/// made it, and nowhere else. Of the kv cache the stored rows are judged. The ops compute what they compute
/// without it, to the bit; stages arrive expanded.
class VerifyingOps final : public OpsWrapper {
 public:
  /// `oracle`: see CallBounds. All must outlive the wrapper.
  VerifyingOps(Ops& inner, Ops& oracle, VerifyOptions options);

  /// In the order of computation.
  const std::map<At, VerifiedValue, AtOrder>& values() const { return values_; }
  /// In the order of their first value.
  std::vector<VerifiedOp> by_op() const;
  Margins all() const;

 protected:
  void call(const OpCall& c) override;

 private:
  std::vector<float> made(const OpCall& c);
  void add_errors(const JudgedCall& judged, VerifiedValue& to);

  VerifyOptions options_;
  CallBounds bounds_;
  std::map<At, VerifiedValue, AtOrder> values_;
};

}  // namespace kilter
