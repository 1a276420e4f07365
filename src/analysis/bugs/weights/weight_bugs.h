// The bugs that read a weight wrongly, a family a file.
#pragma once

#include <span>

#include "analysis/bugs/bug.h"
#include "analysis/bugs/weights/reading.h"

namespace kilter::analysis {

/// All of them.
std::span<const Bug* const> weight_bugs();

/// An entry as data: what a person is told, the readings, and where the bug can happen.
class WeightBugEntry : public WeightBug {
 public:
  using Readings = std::vector<Reading> (*)(const Weight& w, const ReplayModel& model);
  using Touches = bool (*)(const Node& node);

  WeightBugEntry(const BugInfo& what, Readings list, Reach group = Reach::model, Touches where = nullptr)
      : info_(what), readings_(list), reach_(group), touches_(where) {}

  const BugInfo& info() const override { return info_; }
  std::vector<Reading> readings(const Weight& w, const ReplayModel& model) const override {
    return readings_(w, model);
  }

 protected:
  bool touches(const Node& node) const override { return touches_ == nullptr || touches_(node); }
  Reach reach() const override { return reach_; }

 private:
  BugInfo info_;
  Readings readings_;
  Reach reach_;
  Touches touches_;
};

inline bool is_matmul(const Node& node) { return node.op == "matmul"; }
inline bool is_embed(const Node& node) { return node.op == "embed"; }

// The parts of the list.
std::span<const Bug* const> nibble_order_bugs();
std::span<const Bug* const> k_scale_bugs();
std::span<const Bug* const> q6_k_bugs();
std::span<const Bug* const> low_bit_bugs();
std::span<const Bug* const> zero_point_bugs();
std::span<const Bug* const> block_table_bugs();
std::span<const Bug* const> wrong_type_bugs();
std::span<const Bug* const> half_float_bugs();
std::span<const Bug* const> unfinished_bugs();
std::span<const Bug* const> layout_bugs();
std::span<const Bug* const> row_order_bugs();
std::span<const Bug* const> offset_bugs();
std::span<const Bug* const> wrong_tensor_bugs();
std::span<const Bug* const> vector_bugs();

}  // namespace kilter::analysis
