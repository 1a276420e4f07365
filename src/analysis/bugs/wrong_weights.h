// The mutation of all weight bugs: some nodes read their weight otherwise.
#pragma once

#include <map>
#include <memory>

#include "analysis/bugs/bug.h"

namespace kilter::analysis {

using ReadingAt = std::map<At, Reading, AtOrder>;

class WrongWeights final : public Mutation {
 public:
  explicit WrongWeights(ReadingAt readings) : readings_(std::move(readings)) {}

  bool changes(const Node& node) const override { return readings_.contains(node.at); }
  Result<std::vector<float>> compute(const Node& node, ReplayView& view) const override;

  const ReadingAt& readings() const { return readings_; }

 private:
  ReadingAt readings_;
};

/// The nodes of `second`; where `first` has a reading too, both at once: bytes are decoded by the one, and
/// the numbers rearranged by the other. Null, where that is possible at no node.
std::shared_ptr<const WrongWeights> both_at_once(const WrongWeights& first, const WrongWeights& second);

}  // namespace kilter::analysis
