#include "observe/verifying_ops.h"

#include <algorithm>
#include <cmath>

namespace kilter {

void ErrorSums::append(const ErrorSums& more) {
  own += more.own;
  inherited += more.inherited;
  twin += more.twin;
  size += more.size;
}

VerifyingOps::VerifyingOps(Ops& inner, Ops& oracle, VerifyOptions options)
    : OpsWrapper(inner), options_(std::move(options)), bounds_(inner, oracle, options_.judging) {}

void VerifyingOps::call(const OpCall& c) {
  if (options_.stopped && options_.stopped()) return OpsWrapper::call(c);
  if (!options_.filter.matches(c.at) && !options_.filter.matches(c.op)) return OpsWrapper::call(c);
  const Judgement judgement = bounds_.judge(c);
  OpsWrapper::call(c);
  const std::vector<float> values = made(c);
  VerifiedValue& value = values_.try_emplace(c.at, VerifiedValue{.at = c.at, .op = c.op}).first->second;
  const JudgedCall judged{c, judgement, values};
  add_errors(judged, value);
  Margins margins;
  for (size_t i = 0; i < values.size(); ++i) {
    margins.add(values[i], judgement.oracle[i], judgement.bounds(i));
  }
  const int64_t row_size = std::max<int64_t>(1, c.made().elements() / std::max<int64_t>(1, c.made()[0]));
  if (margins.worst > value.margins.worst) {
    value.worst_row = value.rows + margins.worst_at / row_size;
    value.worst_element = margins.worst_at % row_size;
  }
  value.margins.append(margins);
  value.rows += c.made()[0];
  if (options_.on_judged) options_.on_judged(judged);
}

std::vector<float> VerifyingOps::made(const OpCall& c) {
  std::vector<float> values(static_cast<size_t>(c.made().elements()));
  if (!c.is_kv_store()) {
    device().read_back(*c.y, values);
    return values;
  }
  const auto width = static_cast<size_t>(c.y->row_size());
  size_t begin = 0;
  for (const int64_t row : c.stored_rows()) {
    read_cached(c.cache_part(), *c.y, row, std::span(values).subspan(begin, width));
    begin += width;
  }
  return values;
}

void VerifyingOps::add_errors(const JudgedCall& judged, VerifiedValue& to) {
  const auto& [call, judgement, values] = judged;
  std::span<const float> truth;
  if (options_.truth != nullptr) {
    const std::span<const float> all = options_.truth->find(call.at);
    const auto before = static_cast<size_t>(to.margins.elements);
    if (before + values.size() <= all.size()) truth = all.subspan(before, values.size());
  }
  const auto square = [](double a, double b) { return (a - b) * (a - b); };
  for (size_t i = 0; i < values.size(); ++i) {
    const double oracle = judgement.oracle[i];
    if (!std::isfinite(values[i]) || !std::isfinite(oracle)) continue;
    to.errors.own += square(values[i], oracle);
    to.errors.size += oracle * oracle;
    if (!truth.empty() && std::isfinite(truth[i])) to.errors.inherited += square(oracle, truth[i]);
    if (!judgement.twin.empty()) to.errors.twin += square(judgement.twin[i], oracle);
  }
}

std::vector<VerifiedOp> VerifyingOps::by_op() const {
  std::vector<VerifiedOp> ops;
  std::map<std::string_view, Margins> worst;  // of VerifiedOp::worst
  for (const auto& entry : values_) {
    const VerifiedValue& value = entry.second;
    auto op = std::find_if(ops.begin(), ops.end(), [&](const VerifiedOp& o) { return o.op == value.op; });
    if (op == ops.end()) op = ops.insert(ops.end(), {.op = value.op});
    Margins& so_far = worst[value.op];
    const bool worse = value.margins.verdict() > so_far.verdict() ||
                       (value.margins.verdict() == so_far.verdict() && value.margins.worst > so_far.worst);
    if (op->values == 0 || worse) {
      op->worst = value.at;
      so_far = value.margins;
    }
    ++op->values;
    op->margins.append(value.margins);
    op->errors.append(value.errors);
  }
  return ops;
}

Margins VerifyingOps::all() const {
  Margins all;
  for (const auto& entry : values_) all.append(entry.second.margins);
  return all;
}

}  // namespace kilter
