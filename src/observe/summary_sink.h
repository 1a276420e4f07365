// The line a value that `trace --print` shows.
#pragma once

#include <functional>
#include <utility>

#include "numerics/stats.h"
#include "observe/name_filter.h"
#include "observe/recording_ops.h"

namespace kilter {

/// One value of one pass in a few numbers.
struct ValueSummary {
  At at;
  Shape shape;
  Stats stats;
};

/// Gives a summary of each value that the filter lets through, in the order of computation.
class SummarySink final : public ValueSink {
 public:
  using Show = std::function<void(const ValueSummary&)>;

  SummarySink(NameFilter filter, Show show) : filter_(std::move(filter)), show_(std::move(show)) {}

  bool wants(At at) override { return filter_.matches(at); }
  void take(At at, const Shape& shape, std::span<const float> values) override {
    show_({at, shape, stats_of(values)});
  }

 private:
  NameFilter filter_;
  Show show_;
};

}  // namespace kilter
