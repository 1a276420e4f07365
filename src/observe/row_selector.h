// Of each value only some rows.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "observe/recording_ops.h"
#include "ops/graph.h"

namespace kilter {

/// Hands the chosen rows of each value on, and nothing of a pass in which there is none. For runs of one
/// sequence from its beginning, in which every value has a row for every token: row t of a value, counted
/// over all passes, is that of position t.
class RowSelector final : public ValueSink {
 public:
  /// `to` must outlive the selector; `rows` is ascending.
  RowSelector(ValueSink& to, std::vector<int32_t> rows) : to_(to), rows_(std::move(rows)) {}

  bool wants(At at) override { return to_.wants(at); }
  void take(At at, const Shape& shape, std::span<const float> values) override;

 private:
  ValueSink& to_;
  std::vector<int32_t> rows_;
  std::map<At, int64_t, AtOrder> seen_;  // rows of earlier passes
  std::vector<float> chosen_;
};

}  // namespace kilter
