#include "analysis/diagnose/findings.h"

#include <fmt/format.h>

#include <algorithm>

namespace kilter::analysis {
namespace {

void add_once(std::vector<At>& list, At at) {
  if (std::find(list.begin(), list.end(), at) == list.end()) list.push_back(at);
}

std::shared_ptr<const ScopedMutation> scoped(const Candidate& candidate) {
  return std::make_shared<const ScopedMutation>(candidate.trial.mutation, ScopedMutation::Values{});
}

// The words of the catalogue, and what was measured.
void name(Finding& finding, const Candidate& candidate) {
  const BugInfo& info = candidate.bug->info();
  finding.bug = info.id;
  finding.title = info.title;
  finding.cause = info.cause;
  finding.detail = candidate.trial.detail;
  finding.fix = candidate.trial.fix.empty() ? std::string(info.fix) : candidate.trial.fix;
  finding.page = fmt::format("docs/bugs/{}.md", info.id);
  finding.next_measurement = info.next_measurement;
}

std::vector<Tie> ties_of(const Candidate& best, const std::vector<Candidate>& others) {
  std::vector<Tie> ties;
  for (const Candidate& c : others) {
    const bool listed =
        std::any_of(ties.begin(), ties.end(), [&](const Tie& tie) { return tie.bug == c.bug->info().id; });
    if (c.bug == best.bug || listed) continue;
    ties.push_back({std::string(c.bug->info().id), std::string(c.bug->info().title), c.trial.detail});
  }
  return ties;
}

std::string times(double margin) { return fmt::format("{:.3g}", margin); }

}  // namespace

std::string place_text(const Place& place) {
  if (place.token < 0) {
    return fmt::format(
        "the sum that was printed: {:.8g}, expected {:.8g}, where {:.2g} is what f32 may be off", place.seen,
        place.expected, place.bound);
  }
  return fmt::format(
      "token {}, element {}: seen {:.8g}, expected {:.8g}, where {:.2g} is what f32 may be off", place.token,
      place.element, place.seen, place.expected, place.bound);
}

Belief Findings::belief() const { return belief_without({}); }

Belief Findings::belief_without(std::span<const Node* const> segment) const {
  Belief belief;
  for (const Found& found : found_) {
    for (const auto& mutation : found.mutations) {
      if (segment.empty() || !changes_any(*mutation, segment)) belief.scenario.mutations.push_back(mutation);
    }
  }
  for (const auto& rounding : held_) {
    belief.scenario.roundings.push_back(rounding);
    belief.benign.push_back(rounding);
  }
  return belief;
}

std::vector<size_t> Findings::touching(std::span<const Node* const> segment) const {
  std::vector<size_t> touched;
  for (size_t i = 0; i < found_.size(); ++i) {
    const auto& mutations = found_[i].mutations;
    if (std::any_of(mutations.begin(), mutations.end(),
                    [&](const auto& m) { return changes_any(*m, segment); })) {
      touched.push_back(i);
    }
  }
  return touched;
}

void Findings::add(At at, const Candidate& candidate, std::vector<Candidate> others, const Score& before) {
  const auto mutation = scoped(candidate);
  const auto known = std::find_if(found_.begin(), found_.end(),
                                  [&](const Found& found) { return found.bug == candidate.bug; });
  if (known != found_.end()) {
    Finding& finding = findings_[static_cast<size_t>(known - found_.begin())];
    known->mutations.push_back(mutation);
    add_once(finding.at, at);
    const std::string& detail = candidate.trial.detail;
    if (!detail.empty() && finding.detail.find(detail) == std::string::npos) finding.detail += "; " + detail;
    return;
  }
  Finding finding;
  finding.at = {at};
  finding.margin_before = before.margin;
  finding.margin_after = candidate.score.margin;
  finding.evidence = fmt::format(
      "computed without this bug, {} is off by {} times what f32 explains ({}); with it, by {} times{}",
      to_string(at), times(before.margin), place_text(before.worst), times(candidate.score.margin),
      candidate.rounding == nullptr ? "" : fmt::format(" ({})", candidate.rounding->sentence()));
  name(finding, candidate);
  finding.ties = ties_of(candidate, others);
  findings_.push_back(std::move(finding));
  found_.push_back({candidate.bug, std::move(others), {mutation}});
}

void Findings::replace(size_t finding, At at, const Candidate& candidate) {
  Found& found = found_[finding];
  found.bug = candidate.bug;
  found.mutations = {scoped(candidate)};
  found.others.clear();
  Finding& named = findings_[finding];
  name(named, candidate);
  named.ties.clear();
  add_once(named.at, at);
}

Belief Findings::belief_but(size_t finding) const {
  Findings others = *this;
  others.found_[finding].mutations.clear();
  return others.belief();
}

void Findings::add_unexplained(At at, const Score& score, std::vector<std::string> pattern, int64_t tried) {
  findings_.push_back(
      {.bug = "",
       .title = "A wrong value that no known bug explains",
       .cause = fmt::format(
           "{} does not follow from the values it is made from, and none of {} known ways to get it "
           "wrong gives these numbers.",
           to_string(at), tried),
       .detail = "",
       .fix = fmt::format("Look at the code that makes {}: its inputs are right.", to_string(at)),
       .page = "",
       .at = {at},
       .weights = {},
       .margin_before = score.margin,
       .margin_after = score.margin,
       .evidence = fmt::format("off by {} times what f32 explains ({}); {} of {} numbers are",
                               times(score.margin), place_text(score.worst), score.beyond, score.compared),
       .ties = {},
       .next_measurement = "",
       .pattern = std::move(pattern)});
  found_.push_back({});
}

void Findings::confirm(size_t finding, At at) { add_once(findings_[finding].at, at); }

void Findings::exclude(size_t finding, std::span<const Node* const> segment) {
  for (auto& mutation : found_[finding].mutations) {
    if (!changes_any(*mutation, segment)) continue;
    ScopedMutation::Values excluded = mutation->excluded();
    for (const Node* node : segment) {
      if (mutation->changes(*node)) excluded.insert(node->at);
    }
    mutation = std::make_shared<const ScopedMutation>(mutation->inner(), std::move(excluded));
  }
}

void Findings::hold(std::shared_ptr<const Benign> rounding) {
  if (!holds(*rounding)) held_.push_back(std::move(rounding));
}

bool Findings::holds(const Benign& rounding) const {
  return std::any_of(held_.begin(), held_.end(), [&](const auto& held) { return held.get() == &rounding; });
}

}  // namespace kilter::analysis
