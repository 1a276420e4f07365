#include "analysis/replay/replay.h"

#include <algorithm>
#include <numeric>

#include "analysis/replay/environment.h"

namespace kilter::analysis {

Scenario Scenario::with(const Scenario& more) const {
  Scenario both = *this;
  both.mutations.insert(both.mutations.end(), more.mutations.begin(), more.mutations.end());
  both.roundings.insert(both.roundings.end(), more.roundings.begin(), more.roundings.end());
  return both;
}

class Replay::Impl {
 public:
  Impl(Ops& ops, const ReplayModel& model, const Dump& dump) {
    run_.ops = &ops;
    run_.model = model;
    run_.dump = &dump;
    const size_t n = dump.tokens.size();
    run_.all_rows.resize(n);
    std::iota(run_.all_rows.begin(), run_.all_rows.end(), 0);
    run_.head_rows = seen_head_rows(dump);
    run_.batch = {.tokens = dump.tokens,
                  .positions = run_.all_rows,
                  .sequences = std::vector<int32_t>(n, 0),
                  .logit_rows = run_.head_rows};
  }

  const ReplayRun& run() const { return run_; }

  // The latest few stay: a search goes back and forth between the exact run and one with noise.
  Environment& environment(const Scenario& base, Inputs inputs) {
    constexpr size_t kKept = 4;
    const auto found = std::find_if(environments_.begin(), environments_.end(), [&](const auto& e) {
      return e->inputs() == inputs && e->scenario() == base;
    });
    if (found != environments_.end()) {
      std::rotate(environments_.begin(), found, found + 1);
    } else {
      if (environments_.size() == kKept) environments_.pop_back();
      environments_.insert(environments_.begin(), std::make_unique<Environment>(run_, base, inputs, nullptr));
    }
    return *environments_.front();
  }

 private:
  // The last row stands for a dump that shows nothing of the head.
  static std::vector<int32_t> seen_head_rows(const Dump& dump) {
    std::vector<int32_t> rows;
    for (const Point point : {Point::output_rows, Point::output_norm, Point::output, Point::logits}) {
      const auto found = dump.values.find(at(point));
      if (found == dump.values.end()) continue;
      rows.insert(rows.end(), found->second.rows.begin(), found->second.rows.end());
    }
    if (rows.empty() && !dump.tokens.empty()) rows.push_back(static_cast<int32_t>(dump.tokens.size()) - 1);
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    return rows;
  }

  ReplayRun run_;
  std::vector<std::unique_ptr<Environment>> environments_;  // the latest first
};

Replay::Replay(Ops& ops, const ReplayModel& model, const Dump& dump)
    : impl_(std::make_unique<Impl>(ops, model, dump)) {}

Replay::~Replay() = default;

Result<std::vector<float>> Replay::expected(At at, const Scenario& base, const Scenario& trial,
                                            Inputs inputs) {
  Environment& below = impl_->environment(base, inputs);
  if (trial.empty()) return below.computed(at);
  Environment tried(impl_->run(), base.with(trial), inputs, &below);
  return tried.computed(at);
}

std::vector<const Node*> Replay::segment(At at, Inputs inputs) const {
  return segment_of(impl_->run(), at, inputs);
}

ReplayView& Replay::view(const Scenario& base, Inputs inputs) { return impl_->environment(base, inputs); }

std::span<const int32_t> Replay::rows(At at) const { return impl_->run().rows(at); }

}  // namespace kilter::analysis
