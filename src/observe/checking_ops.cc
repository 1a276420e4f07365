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
/// and so rare that no op makes it. A cache may keep fewer bits; it is filled with NaN.
constexpr float kFilled = 0x1.d3a5b6p-97F;

float filling_of(const OpCall& c) {
  return c.is_kv_store() ? std::numeric_limits<float>::quiet_NaN() : kFilled;
}

bool is_filled(const OpCall& c, float value) {
  if (c.is_kv_store()) return std::isnan(value);
  return std::bit_cast<uint32_t>(value) == std::bit_cast<uint32_t>(kFilled);
}

Error found(const OpCall& c, std::string sentence) {
  return {ErrorCode::mismatch, fmt::format("{} ({})", to_string(c.at), c.op), std::move(sentence), ""};
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
  const bool filled = !in_place(c);
  if (filled) KILTER_TRY(fill(c));
  OpsWrapper::call(c);
  return check_result(c, filled);
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

// A result is filled by embedding a row of the rare number; a cache by storing such rows.
Status CheckingOps::fill(const OpCall& c) {
  const Shape shape = c.made();
  const Tensor like{nullptr, shape};
  const std::vector<float> row(static_cast<size_t>(like.row_size()), filling_of(c));
  const std::vector<int32_t> ids(static_cast<size_t>(like.rows()), 0);
  Weight table;
  table.rows = 1;
  table.cols = like.row_size();
  table.bytes = std::as_bytes(std::span(row));
  DeviceMemory memory;
  Tensor rows{c.y->data, {like.rows(), like.row_size()}};
  if (c.is_kv_store()) {
    KILTER_ASSIGN(memory, device().allocate(shape.elements()));
    rows.data = memory.data();
  }
  inner().embed(c.at, ids, table, rows);
  if (c.is_kv_store()) {
    const Tensor x = rows.reshaped(shape);
    OpCall store = c;
    store.x = &x;
    store.run(inner(), store);
  }
  read(c);
  const auto filled = [&](float value) { return is_filled(c, value); };
  if (std::all_of(values_.begin(), values_.end(), filled)) return {};
  return found(c, fmt::format("its result cannot be filled: {} of these ops does not write what it should",
                              c.is_kv_store() ? "kv_store" : "embed"));
}

void CheckingOps::read(const OpCall& c) {
  values_.resize(static_cast<size_t>(c.made().elements()));
  if (!c.is_kv_store()) return device().read_back(*c.y, values_);
  const auto width = static_cast<size_t>(c.y->row_size());
  size_t begin = 0;
  for (const int64_t row : c.stored_rows()) {
    read_cached(c.cache_part(), *c.y, row, std::span(values_).subspan(begin, width));
    begin += width;
  }
}

// Elements that still hold what they were filled with. A NaN that is to be stored is no such thing.
std::vector<size_t> CheckingOps::unwritten(const OpCall& c) {
  std::vector<float> stored(c.is_kv_store() ? values_.size() : 0);
  if (c.is_kv_store()) device().read_back(*c.x, stored);
  std::vector<size_t> left;
  for (size_t i = 0; i < values_.size(); ++i) {
    if (is_filled(c, values_[i]) && (stored.empty() || !std::isnan(stored[i]))) left.push_back(i);
  }
  return left;
}

Status CheckingOps::check_result(const OpCall& c, bool was_filled) {
  read(c);
  const std::vector<size_t> left = was_filled ? unwritten(c) : std::vector<size_t>();
  if (!left.empty()) {
    return found(c, fmt::format("{} of {} elements were not written, the first of them element {}",
                                left.size(), values_.size(), left.front()));
  }
  if (c.op == "attention_scores") KILTER_TRY(check_unseen_scores(c));
  if (non_finite_ == NonFinite::accept) return {};
  const auto bad = std::find_if(values_.begin(), values_.end(), [](float v) { return !std::isfinite(v); });
  if (bad == values_.end()) return {};
  return found(c, fmt::format("element {} of {} is {}", bad - values_.begin(), values_.size(), *bad));
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
