// A bug that is not everywhere.
#pragma once

#include <memory>
#include <set>

#include "analysis/replay/mutation.h"

namespace kilter::analysis {

/// Another mutation, but for the values where the dump shows that it is not.
class ScopedMutation final : public Mutation {
 public:
  using Values = std::set<At, AtOrder>;

  ScopedMutation(std::shared_ptr<const Mutation> inner, Values excluded)
      : inner_(std::move(inner)), excluded_(std::move(excluded)) {}

  bool changes(const Node& node) const override {
    return !excluded_.contains(node.at) && inner_->changes(node);
  }
  Result<std::vector<float>> compute(const Node& node, ReplayView& view) const override {
    return inner_->compute(node, view);
  }

  const std::shared_ptr<const Mutation>& inner() const { return inner_; }
  const Values& excluded() const { return excluded_; }

 private:
  std::shared_ptr<const Mutation> inner_;
  Values excluded_;
};

}  // namespace kilter::analysis
