#include "cli/verify/op_check.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "cli/interrupt.h"
#include "cli/progress.h"
#include "engine/backend_choice.h"
#include "engine/list_forward.h"

namespace kilter::cli {
namespace {

// How many ops the passes have, and how many of them are to be judged.
struct OpCount {
  uint64_t all = 0;
  uint64_t judged = 0;
};

Result<OpCount> count_ops(const VerifyRequest& request, std::span<const int64_t> passes) {
  ListingOps listing;
  int64_t have = 0;
  for (const int64_t rows : passes) {
    have += rows;
    KILTER_TRY(list_forward(request.loaded.model, rows, have, listing));
  }
  OpCount count{.all = listing.ops().size()};
  for (const ListedOp& op : listing.ops()) {
    if (request.filter.matches(op.at) || request.filter.matches(op.op)) ++count.judged;
  }
  if (count.judged == 0) {
    return Error{ErrorCode::usage, "--ops", "no op and no value of this model has such a name",
                 "`kilter explain` lists the names"};
  }
  return count;
}

// Tells a progress bar of each op before it is made.
class CountingSink final : public ValueSink {
 public:
  CountingSink(ValueSink& inner, Progress& progress) : inner_(inner), progress_(progress) {}
  bool wants(At at) override { return inner_.wants(at); }
  void take(At at, const Shape& shape, std::span<const float> values) override {
    inner_.take(at, shape, values);
    progress_.update(++done_);
  }

 private:
  ValueSink& inner_;
  Progress& progress_;
  uint64_t done_ = 0;
};

void add_choice(Choices& choices, const Decision& decision) {
  switch (decision.choice()) {
    case Choice::same:
      ++choices.same;
      break;
    case Choice::undecidable:
      ++choices.undecidable;
      break;
    case Choice::different:
      ++choices.different;
      break;
  }
  choices.smallest_ratio = std::min(choices.smallest_ratio, decision.ratio);
}

// The choices at each row of judged logits.
void add_choices(const JudgedCall& judged, OpCheck& check) {
  constexpr size_t kSet = 10;
  const auto n_vocab = static_cast<size_t>(judged.call.made()[1]);
  if (check.choices.empty()) {
    for (const size_t k : {size_t{1}, std::min(kSet, n_vocab)}) {
      check.choices.push_back({.k = k, .smallest_ratio = std::numeric_limits<double>::infinity()});
    }
  }
  const auto row_of = [&](const auto& all, size_t row) {
    return std::span(all).subspan(row * n_vocab, n_vocab);
  };
  for (size_t row = 0; row < judged.values.size() / n_vocab; ++row) {
    for (Choices& choices : check.choices) {
      add_choice(choices, decide(row_of(judged.values, row), row_of(judged.judgement.oracle, row),
                                 row_of(judged.judgement.guaranteed, row), choices.k));
    }
  }
}

// Leaves ops out once the person asked to stop: a pass in f64 may take minutes. What comes out is thrown
// away.
class StoppableOps final : public OpsWrapper {
 public:
  using OpsWrapper::OpsWrapper;

 protected:
  void call(const OpCall& c) override {
    if (!interrupted()) OpsWrapper::call(c);
  }
};

// Between the two largest of at least two numbers.
double greedy_gap(std::span<const float> row) {
  std::vector<float> two(2);
  std::partial_sort_copy(row.begin(), row.end(), two.begin(), two.end(), std::greater<>());
  return double{two[0]} - double{two[1]};
}

// Whole runs side by side: what all roundings together did to the logits. Rows with a logit that is no number
// are not compared.
void compare_runs(std::span<const float> logits, std::span<const float> truth, size_t n_vocab,
                  OpCheck& check) {
  const std::vector<double> no_bound(n_vocab);
  const auto finite = [](std::span<const float> row) {
    return std::all_of(row.begin(), row.end(), [](float v) { return std::isfinite(v); });
  };
  check.smallest_greedy_gap = std::numeric_limits<double>::infinity();
  for (size_t begin = 0; begin < truth.size(); begin += n_vocab) {
    const auto row = logits.subspan(begin, n_vocab);
    const auto right = truth.subspan(begin, n_vocab);
    if (!finite(row) || !finite(right)) continue;
    const Decision greedy = decide(row, right, no_bound, 1);
    if (greedy.chosen == greedy.right) ++check.greedy_as_in_f64;
    if (n_vocab > 1) check.smallest_greedy_gap = std::min(check.smallest_greedy_gap, greedy_gap(right));
    for (size_t i = 0; i < n_vocab; ++i) {
      check.worst_logit_error =
          std::max(check.worst_logit_error, std::abs(double{row[i]} - double{right[i]}));
    }
  }
}

// Defects are put into the first, the middle and the last layer, and outside the layers.
bool is_sampled(int il, int n_layer) { return il <= 0 || il == n_layer / 2 || il == n_layer - 1; }

Result<std::unique_ptr<Ops>> make_twin(const VerifyRequest& request) {
  if (!request.twin) return std::unique_ptr<Ops>();
  LoadOptions options = request.options;
  options.backend = "cpu";
  options.mode = *request.twin;
  options.kv = "f32";
  return make_backend(options);
}

}  // namespace

Result<OpCheck> check_ops(const VerifyRequest& request) {
  const Model& model = request.loaded.model;
  const auto n = static_cast<int64_t>(request.ids.size());
  OpCheck check;
  check.passes = n == 1 ? std::vector<int64_t>{1} : std::vector<int64_t>{n - 1, 1};
  KILTER_ASSIGN(const OpCount count, count_ops(request, check.passes));

  KILTER_ASSIGN(const std::unique_ptr<Ops> oracle,
                make_backend({.backend = "reference", .threads = request.options.threads}));
  KeptValues truth;
  std::vector<float> true_logits;
  {
    Progress progress("computing in f64", count.all, ProgressUnit::steps);
    CountingSink counting(truth, progress);
    StoppableOps stoppable(*oracle);
    RecordingOps recording(stoppable, counting);
    KILTER_ASSIGN(true_logits, run_logits(model, recording, request.ids, check.passes.front()));
    if (interrupted()) return interrupted_error();
  }

  KILTER_ASSIGN(const std::unique_ptr<Ops> ops, loaded_backend(request, request.options));
  KILTER_ASSIGN(const std::unique_ptr<Ops> twin, make_twin(request));
  KILTER_ASSIGN(const Arithmetic arithmetic, arithmetic_of(request.options));
  Progress progress("judging ops", count.judged, ProgressUnit::steps);
  uint64_t done = 0;
  PowerProbe probe(request.trials);
  const auto n_layer = static_cast<int>(model.layers.size());
  VerifyOptions options{
      .judging = {.arithmetic = arithmetic, .twin = twin.get()}, .filter = request.filter, .truth = &truth};
  options.on_judged = [&](const JudgedCall& judged) {
    if (judged.call.at.point == Point::logits) add_choices(judged, check);
    if (request.trials > 0 && is_sampled(judged.call.at.il, n_layer)) probe.look_at(judged);
    progress.update(++done);
  };
  options.stopped = [] { return interrupted(); };
  VerifyingOps verifying(*ops, *oracle, std::move(options));
  KILTER_ASSIGN(const std::vector<float> logits,
                run_logits(model, verifying, request.ids, check.passes.front()));
  if (interrupted()) return interrupted_error();
  compare_runs(logits, true_logits, static_cast<size_t>(model.n_vocab()), check);
  for (const auto& entry : verifying.values()) check.values.push_back(entry.second);
  check.ops = verifying.by_op();
  check.all = verifying.all();
  if (request.trials > 0) check.powers = probe.powers();
  return check;
}

}  // namespace kilter::cli
