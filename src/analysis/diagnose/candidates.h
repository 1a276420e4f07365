// Which entries of the catalogue make a wrong value follow.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "analysis/bugs/bug.h"
#include "analysis/judge/value_judge.h"

namespace kilter::analysis {

/// A trial that was computed.
struct Candidate {
  const Bug* bug = nullptr;
  Trial trial;
  std::shared_ptr<const Benign> rounding;  ///< that the value needs besides; may be null
  Score score;                             ///< of the suspect
  int contradicted = 0;                    ///< other values that the dump shows and that stop following
  int supported = 0;                       ///< other values that follow with it and not without

  Belief belief() const;
};

/// What a trial is tested with.
struct CandidateTest {
  const SeenValue& seen;
  const Suspect& suspect;
  const Belief& base;                                        ///< what has been found, without what fails here
  const Score& score;                                        ///< of the suspect under `base`
  std::span<const std::shared_ptr<const Benign>> roundings;  ///< those already met, then all others
};

class CandidateSearch {
 public:
  CandidateSearch(ValueJudge& judge, std::span<const Bug* const> bugs) : judge_(judge), bugs_(bugs) {}

  /// Trials of one bug that make the suspect follow. Trials that cannot be computed for this model count as
  /// not fitting. Errors: memory, interrupted.
  Result<std::vector<Candidate>> of_bug(const Bug& bug, const CandidateTest& test);
  /// Trials of the whole catalogue; where none fits alone, the most promising with a benign rounding, then
  /// two at a time. `tried` counts them. Errors: the same.
  Result<std::vector<Candidate>> of_all(const CandidateTest& test, int64_t& tried);

  /// Called between trials; an error ends the search.
  std::function<Status()> pause;

 private:
  Result<std::vector<Candidate>> computed_trials(const Bug& bug, const CandidateTest& test);
  Result<std::vector<Candidate>> with_roundings(const std::vector<Candidate>& near,
                                                const CandidateTest& test);
  Result<std::vector<Candidate>> in_pairs(const std::vector<Candidate>& near, const CandidateTest& test);

  ValueJudge& judge_;
  std::span<const Bug* const> bugs_;
};

}  // namespace kilter::analysis
