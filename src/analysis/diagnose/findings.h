// What has been found so far, and what it means for the values that follow.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "analysis/diagnose/candidates.h"
#include "analysis/diagnose/diagnosis.h"
#include "analysis/diagnose/scoped_mutation.h"

namespace kilter::analysis {

class Findings {
 public:
  /// The belief under which a value is judged: every bug found so far, and the roundings of the whole run.
  Belief belief() const;
  /// The same without the bugs that change an op of the segment.
  Belief belief_without(std::span<const Node* const> segment) const;
  /// The findings that change an op of the segment.
  std::vector<size_t> touching(std::span<const Node* const> segment) const;

  /// Adds a bug that makes `at` follow: to the finding of the same bug, or as a new one. `others` explain it
  /// as well.
  void add(At at, const Candidate& candidate, std::vector<Candidate> others, const Score& before);
  /// Candidates that explained the finding's values as well as the named one.
  const std::vector<Candidate>& others_of(size_t finding) const { return found_[finding].others; }
  /// Names another candidate in place of the finding's: it explains `at` too, which the named one does not.
  void replace(size_t finding, At at, const Candidate& candidate);
  /// The belief without this finding.
  Belief belief_but(size_t finding) const;
  void add_unexplained(At at, const Score& score, std::vector<std::string> pattern, int64_t tried);
  /// Notes that a finding explains this value too.
  void confirm(size_t finding, At at);
  /// Takes the ops of the segment out of what the finding changes: the dump shows that it is not there.
  void exclude(size_t finding, std::span<const Node* const> segment);
  /// A benign rounding that holds for all ops from now on: it was needed where a chain of them was judged.
  void hold(std::shared_ptr<const Benign> rounding);
  bool holds(const Benign& rounding) const;

  std::vector<Finding> take() && { return std::move(findings_); }
  const std::vector<Finding>& all() const { return findings_; }
  const Bug* bug_of(size_t finding) const { return found_[finding].bug; }

 private:
  struct Found {
    const Bug* bug = nullptr;  // null: nothing fits
    std::vector<Candidate> others;
    std::vector<std::shared_ptr<const ScopedMutation>> mutations;
  };

  std::vector<Finding> findings_;
  std::vector<Found> found_;  // the same order
  std::vector<std::shared_ptr<const Benign>> held_;
};

/// "token 1, element 17: seen 0.31, expected -0.62, where 2e-07 is what f32 may be off"
std::string place_text(const Place& place);

}  // namespace kilter::analysis
