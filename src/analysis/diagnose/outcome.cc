#include "analysis/diagnose/outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace kilter::analysis {
namespace {

size_t largest_of(std::span<const float> row) {
  size_t best = 0;
  for (size_t i = 1; i < row.size(); ++i) {
    if (row[i] > row[best] || std::isnan(row[best])) best = i;
  }
  return best;
}

void add_coverage(const ReplayModel& model, const Dump& dump, Diagnosis& diagnosis) {
  Coverage& coverage = diagnosis.coverage;
  coverage.of_model = static_cast<int64_t>(model.graph->nodes().size());
  coverage.seen = static_cast<int64_t>(diagnosis.values.size());
  coverage.unmatched = static_cast<int64_t>(dump.unmatched.size());
  for (const ValueResult& value : diagnosis.values) {
    const bool said = value.verdict != ValueVerdict::cannot_say;
    coverage.compared += said ? 1 : 0;
    coverage.cannot_say += said ? 0 : 1;
    coverage.elements += said ? value.score.compared : 0;
  }
  for (const WeightResult& weight : diagnosis.weights) coverage.elements += weight.elements;
}

bool seen(const Dump& dump, Point point) {
  return std::any_of(dump.values.begin(), dump.values.end(),
                     [&](const auto& entry) { return entry.first.point == point; });
}

// Things that people have taken for bugs.
void add_normal(const ReplayModel& model, const Dump& dump, Diagnosis& diagnosis) {
  const bool turned = seen(dump, Point::attn_q_rope) || seen(dump, Point::attn_k_rope);
  if (turned && dump.tokens.size() == 1) {
    diagnosis.normal.push_back(
        {"RoPE", "q and k are equal before and after it: position 0 is turned by nothing"});
  }
  const auto size_of = [&](At at) {
    const auto found = std::find_if(diagnosis.values.begin(), diagnosis.values.end(),
                                    [&](const ValueResult& v) { return v.at == at; });
    return found == diagnosis.values.end() ? 0.0 : found->seen_rms;
  };
  const double first = size_of(at(Point::token_embd));
  const double last = size_of(at(model.graph->n_layer() - 1, Point::ffn_residual));
  if (first > 0 && last > 20 * first) {
    diagnosis.normal.push_back(
        {"residual stream", fmt::format("it grows {:.0f} times from the embedding to the last "
                                        "layer, as it does in models that normalise first",
                                        last / first)});
  }
  if (first > 0 && first < 0.01) {
    diagnosis.normal.push_back(
        {"token_embd", fmt::format("a root mean square of {:.2g} is what the file holds", first)});
  }
}

void add_unseen(const ReplayModel& model, const Dump& dump, Diagnosis& diagnosis) {
  const Graph& graph = *model.graph;
  if (dump.tokens.size() == 1) {
    diagnosis.unseen.push_back(
        "One token alone shows nothing of RoPE, of the causal mask or of the cache: dump a second token.");
  }
  if (dump.passes.size() < 2) {
    diagnosis.unseen.push_back(
        "One pass shows nothing of decode steps (cache, positions): dump one decode step too.");
  }
  const auto hidden = std::count_if(graph.nodes().begin(), graph.nodes().end(), [&](const Node& node) {
    return dump.values.find(node.at) == dump.values.end();
  });
  if (hidden > 0) {
    diagnosis.unseen.push_back(
        fmt::format("{} of {} values are not in the dump: bugs between two that are can be "
                    "told apart only by what they do to the later one.",
                    hidden, graph.nodes().size()));
  }
  const auto partial = std::count_if(dump.values.begin(), dump.values.end(),
                                     [](const auto& entry) { return !entry.second.complete; });
  if (partial > 0) {
    diagnosis.unseen.push_back(
        fmt::format("{} values are there in part: what follows from them was computed from "
                    "the token ids instead.",
                    partial));
  }
}

}  // namespace

void add_tops(const SeenValue& logits, std::span<const float> right, std::span<const int32_t> rows,
              const ErrorBounds& bounds, Diagnosis& diagnosis) {
  const Observed& observed = *logits.observed;
  if (!logits.elements.complete() || observed.rows.empty() || rows.empty()) return;
  const auto width = static_cast<size_t>(observed.row_size());
  const auto place = std::lower_bound(rows.begin(), rows.end(), observed.rows.back());
  const auto begin = static_cast<size_t>(place - rows.begin()) * width;
  if (place == rows.end() || begin + width > right.size() || width == 0) return;
  const std::span<const float> theirs = std::span(logits.elements.values).last(width);
  const std::span<const float> ours = right.subspan(begin, width);
  const size_t their_top = largest_of(theirs);
  const size_t right_top = largest_of(ours);
  diagnosis.their_top = static_cast<int32_t>(their_top);
  diagnosis.right_top = static_cast<int32_t>(right_top);
  const double bound = bounds.expected[begin + their_top] + bounds.expected[begin + right_top];
  const double gap = double{ours[right_top]} - double{ours[their_top]};
  diagnosis.top_gap = bound > 0 ? gap / bound : 0;
}

void add_context(const ReplayModel& model, const Dump& dump, Diagnosis& diagnosis) {
  diagnosis.dump_path = dump.path;
  diagnosis.producer = dump.producer;
  diagnosis.tokens = dump.tokens;
  diagnosis.passes = dump.passes;
  add_coverage(model, dump, diagnosis);
  add_normal(model, dump, diagnosis);
  add_unseen(model, dump, diagnosis);
  diagnosis.notes.insert(diagnosis.notes.end(), dump.remarks.begin(), dump.remarks.end());
  diagnosis.notes.insert(diagnosis.notes.end(), dump.unmatched.begin(), dump.unmatched.end());
}

void conclude(Diagnosis& diagnosis) {
  const auto any = [&](ValueVerdict verdict) {
    return std::any_of(diagnosis.values.begin(), diagnosis.values.end(),
                       [&](const ValueResult& value) { return value.verdict == verdict; });
  };
  const bool rounded_weights = std::any_of(diagnosis.weights.begin(), diagnosis.weights.end(),
                                           [](const WeightResult& weight) { return !weight.equal; });
  if (!diagnosis.findings.empty()) {
    diagnosis.outcome = Outcome::bug;
  } else if (diagnosis.coverage.elements == 0) {
    diagnosis.outcome = Outcome::nothing_compared;
  } else if (any(ValueVerdict::doubtful)) {
    diagnosis.outcome = Outcome::undecided;
  } else if (any(ValueVerdict::explained) || rounded_weights) {
    diagnosis.outcome = Outcome::explained;
  } else {
    diagnosis.outcome = Outcome::clean;
  }
}

}  // namespace kilter::analysis
