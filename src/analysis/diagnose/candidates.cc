#include "analysis/diagnose/candidates.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace kilter::analysis {
namespace {

// Two changes of one pass.
class BothMutations final : public Mutation {
 public:
  BothMutations(std::shared_ptr<const Mutation> first, std::shared_ptr<const Mutation> second)
      : parts_{std::move(first), std::move(second)} {}

  bool changes(const Node& node) const override {
    return std::any_of(parts_.begin(), parts_.end(), [&](const auto& part) { return part->changes(node); });
  }
  Result<std::vector<float>> compute(const Node& node, ReplayView& view) const override {
    return (parts_[0]->changes(node) ? parts_[0] : parts_[1])->compute(node, view);
  }

 private:
  std::array<std::shared_ptr<const Mutation>, 2> parts_;
};

std::vector<Candidate> fitting(const std::vector<Candidate>& candidates) {
  std::vector<Candidate> found;
  std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(found),
               [](const Candidate& c) { return c.score.fits(); });
  return found;
}

// Candidates whose error is less than `share` of what it is without them, the best first.
std::vector<Candidate> most_promising(std::vector<Candidate> candidates, double share, const Score& without,
                                      size_t most) {
  std::erase_if(candidates, [&](const Candidate& c) {
    return !(c.score.nmse < share * without.nmse) || !std::isfinite(c.score.nmse);
  });
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.score.nmse < b.score.nmse; });
  if (candidates.size() > most) candidates.resize(most);
  return candidates;
}

// A rounding leaves little of an error; each of two bugs removes a part of it, and alone that may look like
// little.
constexpr double kAllButRounding = 0.25;
constexpr double kAnyPart = 0.98;

}  // namespace

Belief Candidate::belief() const {
  Belief belief;
  belief.scenario.mutations.push_back(trial.mutation);
  if (rounding != nullptr) {
    belief.scenario.roundings.push_back(rounding);
    belief.benign.push_back(rounding);
  }
  return belief;
}

Result<std::vector<Candidate>> CandidateSearch::computed_trials(const Bug& bug, const CandidateTest& test) {
  std::vector<Candidate> computed;
  for (Trial& trial : bug.trials(test.suspect)) {
    if (trial.mutation == nullptr || !changes_any(*trial.mutation, test.suspect.segment)) continue;
    if (pause) KILTER_TRY(pause());
    Candidate candidate{.bug = &bug, .trial = std::move(trial), .rounding = nullptr, .score = {}};
    KILTER_ASSIGN(candidate.score, judge_.judge(test.seen, test.base, candidate.belief()));
    // A change that hides what the dump shows explains nothing: those numbers would not be compared at all.
    if (candidate.score.incomparable > test.score.incomparable) continue;
    computed.push_back(std::move(candidate));
  }
  return computed;
}

Result<std::vector<Candidate>> CandidateSearch::of_bug(const Bug& bug, const CandidateTest& test) {
  KILTER_ASSIGN(const std::vector<Candidate> computed, computed_trials(bug, test));
  std::vector<Candidate> found = fitting(computed);
  if (!found.empty()) return found;
  return with_roundings(most_promising(computed, kAllButRounding, test.score, 2), test);
}

Result<std::vector<Candidate>> CandidateSearch::with_roundings(const std::vector<Candidate>& near,
                                                               const CandidateTest& test) {
  std::vector<Candidate> found;
  for (const Candidate& candidate : near) {
    for (const auto& rounding : test.roundings) {
      if (!rounding->could_give(*test.suspect.node, test.seen.elements.values)) continue;
      Candidate with = candidate;
      with.rounding = rounding;
      if (pause) KILTER_TRY(pause());
      KILTER_ASSIGN(with.score, judge_.judge(test.seen, test.base, with.belief()));
      if (!with.score.fits() || !rounding->looks_like_it(with.score)) continue;
      found.push_back(std::move(with));
      break;
    }
  }
  return found;
}

Result<std::vector<Candidate>> CandidateSearch::in_pairs(const std::vector<Candidate>& near,
                                                         const CandidateTest& test) {
  std::vector<Candidate> found;
  for (size_t i = 0; i < near.size(); ++i) {
    for (size_t j = i + 1; j < near.size(); ++j) {
      if (near[i].bug == near[j].bug) continue;
      Candidate pair = near[i];
      pair.trial.mutation = std::make_shared<BothMutations>(near[i].trial.mutation, near[j].trial.mutation);
      pair.trial.detail += (pair.trial.detail.empty() ? "" : "; ") + std::string("together with ") +
                           std::string(near[j].bug->info().id) +
                           (near[j].trial.detail.empty() ? "" : " (" + near[j].trial.detail + ")");
      if (pause) KILTER_TRY(pause());
      KILTER_ASSIGN(pair.score, judge_.judge(test.seen, test.base, pair.belief()));
      if (pair.score.fits()) found.push_back(std::move(pair));
    }
  }
  return found;
}

Result<std::vector<Candidate>> CandidateSearch::of_all(const CandidateTest& test, int64_t& tried) {
  constexpr size_t kWithRounding = 5;
  constexpr size_t kInPairs = 8;
  std::vector<Candidate> computed;
  for (const Bug* bug : bugs_) {
    KILTER_ASSIGN(std::vector<Candidate> more, computed_trials(*bug, test));
    computed.insert(computed.end(), std::make_move_iterator(more.begin()),
                    std::make_move_iterator(more.end()));
  }
  tried = static_cast<int64_t>(computed.size());
  std::vector<Candidate> found = fitting(computed);
  if (found.empty()) {
    KILTER_ASSIGN(found,
                  with_roundings(most_promising(computed, kAllButRounding, test.score, kWithRounding), test));
  }
  if (found.empty()) {
    KILTER_ASSIGN(found, in_pairs(most_promising(computed, kAnyPart, test.score, kInPairs), test));
  }
  return found;
}

}  // namespace kilter::analysis
