// Ops that are called as ops.h says, and do what it says, or it is written down.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "kilter/result.h"
#include "observe/op_call.h"

namespace kilter {

/// What CheckingOps says about a NaN or an infinity in a result (a score that a row may
/// not see is -infinity by rights).
enum class NonFinite { report, accept };

/// Proves every call against the rules of ops.h before it is made, and looks at what it wrote afterwards:
///   before  shapes, weights, ranges, shared memory (op_rules.h); memory there at all; no name twice in a
///           pass. A call that breaks a rule is not made.
///   after   every element of the result written: it is filled with a rare number first, unless it stands
///           in an operand's place; -infinity exactly at the scores that a row may not see; NaN and infinity.
/// It fills results with embed() and kv_store() of `inner`, so a wrapper that records or counts belongs
/// outside this one. Around ops without memory (ListingOps) it proves what can be proved before.
class CheckingOps final : public OpsWrapper {
 public:
  /// `inner` must outlive the wrapper.
  CheckingOps(Ops& inner, NonFinite non_finite);

  /// The first findings, at most kKept.
  const std::vector<Error>& findings() const { return findings_; }
  int64_t n_findings() const { return n_findings_; }
  /// Calls seen: without any, no finding means nothing.
  int64_t n_calls() const { return n_calls_; }

  static constexpr size_t kKept = 100;

 protected:
  void call(const OpCall& c) override;

 private:
  Status check_call(const OpCall& c);
  Status check_unique(At at);
  Status check_memory(const OpCall& c) const;
  Status check_result(const OpCall& c, bool was_filled);
  Status check_unseen_scores(const OpCall& c);
  Status fill(const OpCall& c);
  void read(const OpCall& c);
  std::vector<size_t> unwritten(const OpCall& c);

  NonFinite non_finite_;
  bool has_memory_ = false;
  std::set<std::pair<int, Point>> names_;  // made in this pass
  std::vector<float> values_;              // of the result under test
  std::vector<Error> findings_;
  int64_t n_findings_ = 0;
  int64_t n_calls_ = 0;
};

}  // namespace kilter
