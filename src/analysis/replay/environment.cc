#include "analysis/replay/environment.h"

#include <algorithm>
#include <array>

#include "quant/codec.h"

namespace kilter::analysis {
namespace {

bool of_the_head(At at) { return at.il < 0 && at.point != Point::token_embd; }

bool whole(const Elements& elements, size_t row, size_t width) {
  if (elements.complete()) return true;
  const auto known = std::span(elements.known).subspan(row * width, width);
  return std::find(known.begin(), known.end(), 0) == known.end();
}

ReplayRun::Coverage coverage_of(const Observed& seen, std::span<const int32_t> wanted) {
  using Coverage = ReplayRun::Coverage;
  // Numbers that were rounded for print are no operands: their error would be blamed on the next op.
  if (seen.quantum != 0) return Coverage::none;
  if (seen.complete) {
    const bool all = std::includes(seen.rows.begin(), seen.rows.end(), wanted.begin(), wanted.end());
    return all ? Coverage::all : Coverage::some_rows;
  }
  const Result<Elements> elements = seen.load();
  if (!elements.ok()) return Coverage::none;
  for (size_t row = 0; row < seen.rows.size(); ++row) {
    if (whole(*elements, row, static_cast<size_t>(seen.row_size()))) return Coverage::some_rows;
  }
  return Coverage::none;
}

Error needs_itself(At at) {
  return {ErrorCode::usage, to_string(at), "this change makes the value depend on itself", ""};
}

}  // namespace

std::span<const int32_t> ReplayRun::rows(At at) const { return of_the_head(at) ? head_rows : all_rows; }

ReplayRun::Coverage ReplayRun::coverage(At at) const {
  const auto known = coverage_known.find(at);
  if (known != coverage_known.end()) return known->second;
  const auto found = dump->values.find(at);
  const Coverage coverage =
      found == dump->values.end() ? Coverage::none : coverage_of(found->second, rows(at));
  return coverage_known[at] = coverage;
}

std::vector<const Node*> segment_of(const ReplayRun& run, At at, Inputs inputs) {
  const Graph& graph = *run.model.graph;
  std::set<At, AtOrder> wanted;
  std::vector<At> open{at};
  while (!open.empty()) {
    const At next = open.back();
    open.pop_back();
    const bool given =
        !(next == at) && inputs == Inputs::dumped && run.coverage(next) == ReplayRun::Coverage::all;
    const Node* node = graph.find(next);
    if (given || node == nullptr || !wanted.insert(next).second) continue;
    open.insert(open.end(), node->inputs.begin(), node->inputs.end());
  }
  std::vector<const Node*> nodes;
  for (const Node& node : graph.nodes()) {
    if (wanted.contains(node.at)) nodes.push_back(&node);
  }
  return nodes;
}

Environment::Environment(const ReplayRun& run, Scenario scenario, Inputs inputs, Environment* below)
    : run_(run), scenario_(std::move(scenario)), inputs_(inputs), below_(below) {}

bool Environment::changed(const Node& node) const {
  return std::any_of(scenario_.mutations.begin(), scenario_.mutations.end(),
                     [&](const auto& mutation) { return mutation->changes(node); }) ||
         std::any_of(scenario_.roundings.begin(), scenario_.roundings.end(),
                     [&](const auto& rounding) { return rounding->touches(node); });
}

bool Environment::touched(At at) {
  if (below_ == nullptr) return true;
  const auto known = touched_.find(at);
  if (known != touched_.end()) return known->second;
  // In the order of the pass, so that the answers of the inputs are there: no deep recursion.
  for (const Node* node : segment_of(run_, at, inputs_)) {
    if (touched_.contains(node->at)) continue;
    bool touches = changed(*node);
    for (const At input : node->inputs) {
      const auto found = touched_.find(input);
      const bool from_dump = inputs_ == Inputs::dumped && run_.coverage(input) == ReplayRun::Coverage::all;
      touches = touches || (!from_dump && found != touched_.end() && found->second);
    }
    touched_[node->at] = touches;
  }
  return touched_[at];
}

Status Environment::overlay_dump(At at, HostValue& value) const {
  const auto found = run_.dump->values.find(at);
  if (found == run_.dump->values.end()) return {};
  const Observed& seen = found->second;
  if (seen.row_size() != value.tensor.row_size()) return {};
  KILTER_ASSIGN(const Elements elements, seen.load());
  const auto width = static_cast<size_t>(value.tensor.row_size());
  const std::span<const int32_t> rows = run_.rows(at);
  for (size_t i = 0; i < seen.rows.size(); ++i) {
    const auto place = std::lower_bound(rows.begin(), rows.end(), seen.rows[i]);
    if (place == rows.end() || *place != seen.rows[i]) continue;
    if (!whole(elements, i, width)) continue;
    const auto row = std::span(elements.values).subspan(i * width, width);
    std::copy(row.begin(), row.end(),
              value.numbers().begin() + (place - rows.begin()) * value.tensor.row_size());
  }
  return {};
}

Result<const HostValue*> Environment::input(At at) {
  const auto kept = values_.find(at);
  if (kept != values_.end()) return &kept->second;
  const Node* node = graph().find(at);
  if (node == nullptr) return Error{ErrorCode::usage, to_string(at), "this model has no such value", ""};
  const auto coverage = inputs_ == Inputs::dumped ? run_.coverage(at) : ReplayRun::Coverage::none;
  const bool own = below_ == nullptr || (coverage != ReplayRun::Coverage::all && touched(at));
  if (!own) return below_->input(at);
  HostValue value;
  if (coverage == ReplayRun::Coverage::all) {
    KILTER_ASSIGN(value,
                  make_value(*run_.ops, *node, static_cast<int64_t>(rows(at).size()), run_.batch.size()));
  } else {
    KILTER_ASSIGN(value, compute(*node));
    round_result(*node, value);
  }
  if (coverage != ReplayRun::Coverage::none) KILTER_TRY(overlay_dump(at, value));
  held_floats_ += value.tensor.shape.elements();
  return &values_.insert_or_assign(at, std::move(value)).first->second;
}

// Values of early layers go first: later ones are what is asked for next. Called where nobody holds a value.
void Environment::keep_within_budget() {
  constexpr int64_t kMostFloats = int64_t{40} << 20;  // the reference keeps 12 bytes an element
  while (held_floats_ > kMostFloats && values_.size() > 32) {
    held_floats_ -= values_.begin()->second.tensor.shape.elements();
    values_.erase(values_.begin());
  }
}

Status Environment::prepare(At at) {
  for (const Node* node : segment_of(run_, at, inputs_)) {
    if (node->at == at) continue;
    keep_within_budget();
    KILTER_ASSIGN([[maybe_unused]] const HostValue* value, input(node->at));
  }
  return {};
}

void Environment::round_result(const Node& node, HostValue& value) const {
  for (const auto& rounding : scenario_.roundings) {
    if (rounding->touches(node)) rounding->round_result(node, value.numbers());
  }
}

Result<const HostValue*> Environment::operand(const Node& node, size_t i, HostValue& rounded) {
  KILTER_ASSIGN(const HostValue* value, input(node.inputs[i]));
  for (const auto& rounding : scenario_.roundings) {
    if (!rounding->touches(node)) continue;
    if (rounded.tensor.data == nullptr) {
      KILTER_ASSIGN(rounded.memory, run_.ops->device().allocate(value->tensor.shape.elements()));
      rounded.tensor = {rounded.memory.data(), value->tensor.shape};
      std::copy(value->numbers().begin(), value->numbers().end(), rounded.numbers().begin());
    }
    rounding->round_operand(node, i, rounded.numbers(), rounded.tensor.row_size());
  }
  return rounded.tensor.data == nullptr ? value : &rounded;
}

Result<Weight> Environment::weight_of(const Node& node, std::vector<float>& numbers) const {
  Weight weight = *node.weight;
  for (const auto& rounding : scenario_.roundings) {
    if (!rounding->touches(node) || !rounding->rounds_weight(node)) continue;
    if (numbers.empty()) {
      numbers.resize(static_cast<size_t>(weight.rows * weight.cols));
      KILTER_TRY(quant::decode(weight.type, weight.bytes, numbers));
      weight.type = DType::f32;
      weight.bytes = std::as_bytes(std::span(numbers));
    }
    rounding->round_weight(numbers);
  }
  return weight;
}

Result<HostValue> Environment::run_node(const Node& node, std::span<const int32_t> positions) {
  OpInputs in{.batch = &run_.batch, .positions = positions, .rows = run_.head_rows, .values = {}};
  std::array<HostValue, 2> rounded;  // no op reads more than two values
  if (node.inputs.size() > rounded.size()) {
    return Error{ErrorCode::usage, to_string(node.at), "no op reads so many values", ""};
  }
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    KILTER_ASSIGN(const HostValue* value, operand(node, i, rounded[i]));
    in.values.push_back(value);
  }
  Node with_weight = node;
  Weight weight;
  std::vector<float> numbers;
  if (node.weight != nullptr) {
    KILTER_ASSIGN(weight, weight_of(node, numbers));
    with_weight.weight = &weight;
  }
  KILTER_ASSIGN(HostValue out,
                make_value(*run_.ops, node, static_cast<int64_t>(rows(node.at).size()), run_.batch.size()));
  KILTER_TRY(run_op(*run_.ops, with_weight, in, out));
  return out;
}

Result<HostValue> Environment::mutated(const Mutation& mutation, const Node& node) {
  KILTER_ASSIGN(const std::vector<float> numbers, mutation.compute(node, *this));
  KILTER_ASSIGN(HostValue out,
                make_value(*run_.ops, node, static_cast<int64_t>(rows(node.at).size()), run_.batch.size()));
  if (numbers.size() != out.numbers().size()) {
    return Error{ErrorCode::usage, to_string(node.at), "the changed op gives another number of values", ""};
  }
  std::copy(numbers.begin(), numbers.end(), out.numbers().begin());
  return out;
}

Result<HostValue> Environment::compute(const Node& node) {
  if (!in_work_.insert(node.at).second) return needs_itself(node.at);
  Result<HostValue> made = [&]() -> Result<HostValue> {
    for (auto mutation = scenario_.mutations.rbegin(); mutation != scenario_.mutations.rend(); ++mutation) {
      if ((*mutation)->changes(node)) return mutated(**mutation, node);
    }
    return run_node(node, run_.batch.positions);
  }();
  in_work_.erase(node.at);
  return made;
}

Result<std::span<const float>> Environment::value(At at) {
  KILTER_ASSIGN(const HostValue* found, input(at));
  return std::span<const float>(found->numbers());
}

Result<std::vector<float>> Environment::run(const Node& node) { return run_rope(node, run_.batch.positions); }

Result<std::vector<float>> Environment::run_rope(const Node& node, std::span<const int32_t> positions) {
  if (positions.size() != run_.batch.positions.size()) {
    return Error{ErrorCode::usage, to_string(node.at), "wants one position a token", ""};
  }
  KILTER_ASSIGN(const HostValue out, run_node(node, positions));
  return std::vector<float>(out.numbers().begin(), out.numbers().end());
}

Result<std::vector<float>> Environment::computed(At at) {
  const Node* node = graph().find(at);
  if (node == nullptr) return Error{ErrorCode::usage, to_string(at), "this model has no such value", ""};
  if (below_ != nullptr && !touched(at)) return below_->computed(at);
  KILTER_TRY(prepare(at));
  if (run_.coverage(at) == ReplayRun::Coverage::none && scenario_.roundings.empty()) {
    KILTER_ASSIGN(const std::span<const float> kept, value(at));
    return std::vector<float>(kept.begin(), kept.end());
  }
  KILTER_ASSIGN(const HostValue value, compute(*node));
  return std::vector<float>(value.numbers().begin(), value.numbers().end());
}

}  // namespace kilter::analysis
