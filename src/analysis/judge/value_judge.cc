#include "analysis/judge/value_judge.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/judge/noise.h"

namespace kilter::analysis {
namespace {

Belief both(const Belief& belief, const Belief& trial) {
  Belief all = belief;
  all.scenario = belief.scenario.with(trial.scenario);
  all.benign.insert(all.benign.end(), trial.benign.begin(), trial.benign.end());
  return all;
}

// A decoder that is wrong rounds where a right one does not: its scales and minima are other numbers. A few
// units of the largest number that was seen, so that no trial can make room for itself.
void give_room_for_decoding(const SeenValue& seen, ErrorBounds& bounds) {
  if (seen.observed->at.point != Point::token_embd) return;
  double most = 0;
  for (const float v : seen.elements.values)
    most = std::isfinite(v) ? std::max(most, std::abs(double{v})) : most;
  for (double& bound : bounds.expected) bound += 4 * kUnit * most;
  for (double& bound : bounds.guaranteed) bound += 4 * kUnit * most;
}

// Against errors of the machine, which end a search.
bool is_of_the_change(const Error& error) {
  return error.code != ErrorCode::memory && error.code != ErrorCode::interrupted &&
         error.code != ErrorCode::io;
}

Score misfit() {
  Score none;
  none.compared = 1;
  none.margin = none.guaranteed_margin = none.nmse = std::numeric_limits<double>::infinity();
  return none;
}

// Ops that add rounding errors of their own.
bool rounds(const Node* node) { return node->op != "take_rows" && node->op != "kv_store"; }

// Whether keys or values that the chain computes are rounded to few bits, and read by the op. One of them
// that goes the other way moves one number of a head by a whole step: too rare for a mean of squares to know.
bool reads_rounded_cache(const Node& node, std::span<const Node* const> segment, const Belief& belief) {
  if (node.op != "attention_mix" && node.op != "attention_scores") return false;
  return std::any_of(segment.begin(), segment.end(), [&](const Node* n) {
    return n->op == "kv_store" && std::any_of(belief.benign.begin(), belief.benign.end(),
                                              [&](const auto& benign) { return benign->touches(*n); });
  });
}

}  // namespace

// Errors that earlier ops of the chain made are not visible in the dump: what they may do is the difference
// between a run with such errors and one without. Twice the root mean square of a row, because one random run
// is no bound, and the element's own.
Result<std::vector<double>> ValueJudge::chain_noise(const Node& node, const Belief& belief) {
  const std::vector<const Node*> segment = replay_.segment(node.at, belief.inputs);
  if (std::count_if(segment.begin(), segment.end(), rounds) <= 1) return std::vector<double>();
  KILTER_ASSIGN(const std::vector<float> y, replay_.expected(node.at, belief.scenario, {}, belief.inputs));
  Scenario noisy = belief.scenario;
  noisy.roundings.push_back(f32_noise(belief.benign.empty() ? NoiseSize::plain : NoiseSize::amid_roundings));
  for (const auto& benign : belief.benign) {
    if (benign->noise() != nullptr) noisy.roundings.push_back(benign->noise());
  }
  KILTER_ASSIGN(const std::vector<float> moved, replay_.expected(node.at, noisy, {}, belief.inputs));
  const bool steps = reads_rounded_cache(node, segment, belief);
  const size_t rows = replay_.rows(node.at).size();
  const size_t width = rows == 0 ? 0 : y.size() / rows;
  std::vector<double> more(y.size());
  for (size_t begin = 0; begin < y.size(); begin += width) {
    double squares = 0;
    double count = 0;
    double most = 0;
    for (size_t i = begin; i < begin + width; ++i) {
      const double moved_by = std::abs(double{moved[i]} - double{y[i]});
      if (!std::isfinite(moved_by)) continue;
      more[i] = moved_by;
      most = std::max(most, moved_by);
      squares += moved_by * moved_by;
      ++count;
    }
    const double rms = count > 0 ? std::sqrt(squares / count) : 0;
    const double room = 2 * (steps ? std::max(most, rms) : rms);
    for (size_t i = begin; i < begin + width; ++i) more[i] += room;
  }
  return more;
}

Result<ErrorBounds> ValueJudge::bounds_of(const Node& node, const std::vector<float>& y, const Belief& belief,
                                          const Belief& trial) {
  // Magnitudes of the operands come from the run without the trial: a trial may not make its own room.
  BoundContext context{replay_.view(belief.scenario, belief.inputs), norms_};
  KILTER_ASSIGN(ErrorBounds bounds, error_bounds(node, y, context));
  for (const auto& benign : both(belief, trial).benign) {
    if (benign->touches(node)) KILTER_TRY(benign->widen(node, y, context, bounds));
  }
  // A benign rounding that is tried adds its own noise; a bug adds none, so that it cannot make itself room.
  Belief noisy = belief;
  noisy.scenario.roundings.insert(noisy.scenario.roundings.end(), trial.scenario.roundings.begin(),
                                  trial.scenario.roundings.end());
  noisy.benign.insert(noisy.benign.end(), trial.benign.begin(), trial.benign.end());
  if (!(noise_.at == node.at && noise_.scenario == noisy.scenario && noise_.inputs == belief.inputs)) {
    KILTER_ASSIGN(std::vector<double> more, chain_noise(node, noisy));
    noise_ = {node.at, noisy.scenario, belief.inputs, std::move(more)};
  }
  for (size_t i = 0; i < std::min(noise_.more.size(), y.size()); ++i) {
    bounds.expected[i] += noise_.more[i];
    bounds.guaranteed[i] += noise_.more[i];
  }
  return bounds;
}

Result<ValueJudge::Expected> ValueJudge::expected(At at, const Belief& belief, const Belief& trial) {
  const Node* node = graph_.find(at);
  if (node == nullptr) return Error{ErrorCode::usage, to_string(at), "this model has no such value", ""};
  KILTER_ASSIGN(std::vector<float> y, replay_.expected(at, belief.scenario, trial.scenario, belief.inputs));
  KILTER_ASSIGN(ErrorBounds bounds, bounds_of(*node, y, belief, trial));
  return Expected{std::move(y), std::move(bounds)};
}

Result<Score> ValueJudge::judge(const SeenValue& seen, const Belief& belief, const Belief& trial) {
  Result<Expected> right = expected(seen.observed->at, belief, trial);
  if (!right.ok())
    return is_of_the_change(right.error()) ? Result<Score>(misfit()) : std::move(right).error();
  if (!trial.scenario.mutations.empty()) give_room_for_decoding(seen, right->bounds);
  return score_of(
      {*seen.observed, seen.elements, right->values, replay_.rows(seen.observed->at), right->bounds});
}

Result<Score> ValueJudge::compare(const SeenValue& seen, const Belief& belief) {
  const At at = seen.observed->at;
  KILTER_ASSIGN(const std::vector<float> y, replay_.expected(at, belief.scenario, {}, belief.inputs));
  const ErrorBounds none{std::vector<double>(y.size()), std::vector<double>(y.size())};
  return score_of({*seen.observed, seen.elements, y, replay_.rows(at), none});
}

}  // namespace kilter::analysis
