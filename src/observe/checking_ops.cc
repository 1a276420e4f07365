#include "observe/checking_ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "observe/op_rules.h"

namespace kilter {
namespace {

/// What a result is filled with: finite, so that arithmetic carries its bits unchanged,
/// and so rare that no op makes it.
constexpr float kFilled = 0x1.d3a5b6p-97F;

bool is_filled(float value) { return std::bit_cast<uint32_t>(value) == std::bit_cast<uint32_t>(kFilled); }

Error found(const OpCall& c, std::string sentence) {
  return {ErrorCode::mismatch, fmt::format("{} ({})", to_string(c.at), c.op), std::move(sentence), ""};
}

/// The memory that a call writes: its result, or the rows of the pool.
std::vector<Tensor> results_of(const OpCall& c) {
  if (!c.is_kv_store()) return {*c.y};
  std::vector<Tensor> rows;
  for (const int64_t row : c.stored_rows()) rows.push_back(rows_of(*c.y, row, 1));
  return rows;
}

bool in_place(const OpCall& c) {
  return (c.x != nullptr && c.x->data == c.y->data) || (c.b != nullptr && c.b->data == c.y->data);
}

}  // namespace

CheckingOps::CheckingOps(Ops& inner, NonFinite non_finite) : OpsWrapper(inner), non_finite_(non_finite) {
  const Result<DeviceMemory> probe = device().allocate(1);
  has_memory_ = probe.ok() && probe->data() != nullptr;
}

void CheckingOps::call(const OpCall& c) {
  ++n_calls_;
  Status status = check_call(c);
  if (status.ok()) return;
  ++n_findings_;
  if (findings_.size() < kKept) findings_.push_back(std::move(status).error());
}

Status CheckingOps::check_call(const OpCall& c) {
  KILTER_TRY(check_rules(c));
  KILTER_TRY(check_unique(c.at));
  if (!has_memory_) {
    OpsWrapper::call(c);
    return {};
  }
  KILTER_TRY(check_memory(c));
  const std::vector<Tensor> results = results_of(c);
  const bool filled = !in_place(c);
  if (filled) KILTER_TRY(fill(c, results));
  OpsWrapper::call(c);
  return check_result(c, results, filled);
}

Status CheckingOps::check_unique(At at) {
  if (at.point == Point::token_embd) names_.clear();  // a pass begins
  if (names_.emplace(at.il, at.point).second) return {};
  return Error{ErrorCode::mismatch, to_string(at), "is made a second time in one pass", ""};
}

Status CheckingOps::check_memory(const OpCall& c) const {
  for (const Tensor* tensor : {c.x, c.b, c.cache, static_cast<const Tensor*>(c.y)}) {
    if (tensor == nullptr || tensor->data != nullptr || tensor->shape.elements() == 0) continue;
    return found(c, fmt::format("a value of shape {} has no memory: is less reserved than the pass takes?",
                                to_string(tensor->shape)));
  }
  return {};
}

Status CheckingOps::fill(const OpCall& c, std::span<const Tensor> results) {
  for (const Tensor& result : results) {
    const std::vector<float> row(static_cast<size_t>(result.row_size()), kFilled);
    const std::vector<int32_t> ids(static_cast<size_t>(result.rows()), 0);
    Weight table;
    table.rows = 1;
    table.cols = result.row_size();
    table.bytes = std::as_bytes(std::span(row));
    Tensor target = result.reshaped({result.rows(), result.row_size()});
    inner().embed(c.at, ids, table, target);
  }
  read(results);
  if (std::all_of(values_.begin(), values_.end(), is_filled)) return {};
  return found(c, "its result cannot be filled: embed of these ops does not write what it should");
}

void CheckingOps::read(std::span<const Tensor> results) {
  values_.clear();
  for (const Tensor& result : results) {
    const size_t begin = values_.size();
    values_.resize(begin + static_cast<size_t>(result.shape.elements()));
    device().read_back(result, std::span(values_).subspan(begin));
  }
}

Status CheckingOps::check_result(const OpCall& c, std::span<const Tensor> results, bool was_filled) {
  read(results);
  const auto place = [&](auto found_at) { return found_at - values_.begin(); };
  const auto left = was_filled ? std::find_if(values_.begin(), values_.end(), is_filled) : values_.end();
  if (left != values_.end()) {
    return found(c, fmt::format("{} of {} elements were not written, the first of them element {}",
                                std::count_if(left, values_.end(), is_filled), values_.size(), place(left)));
  }
  if (c.op == "attention_scores") KILTER_TRY(check_unseen_scores(c));
  if (non_finite_ == NonFinite::accept) return {};
  const auto bad = std::find_if(values_.begin(), values_.end(), [](float v) { return !std::isfinite(v); });
  if (bad == values_.end()) return {};
  return found(c, fmt::format("element {} of {} is {}", place(bad), values_.size(), *bad));
}

// Proves the scores beyond each row's position, and takes them out of values_.
Status CheckingOps::check_unseen_scores(const OpCall& c) {
  const int64_t n_head = c.y->shape[1];
  const int64_t positions = c.y->shape[2];
  for (int64_t line = 0; line < c.y->rows() * n_head; ++line) {
    const int64_t row = line / n_head;
    for (int64_t l = c.batch->positions[static_cast<size_t>(row)] + 1; l < positions; ++l) {
      float& score = values_[static_cast<size_t>(line * positions + l)];
      if (score != -std::numeric_limits<float>::infinity()) {
        return found(
            c, fmt::format("row {} may not see position {}, and has a score of {} for it", row, l, score));
      }
      score = 0;
    }
  }
  return {};
}

}  // namespace kilter
