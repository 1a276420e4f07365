#include "ops/graph.h"

#include <algorithm>

namespace kilter {
namespace {

// Values in front of the layers, of a layer, behind the layers.
int part_of(At at) {
  if (at.il >= 0) return 1;
  return at.point == Point::token_embd ? 0 : 2;
}

}  // namespace

bool AtOrder::operator()(At a, At b) const {
  if (part_of(a) != part_of(b)) return part_of(a) < part_of(b);
  return a.il != b.il ? a.il < b.il : a.point < b.point;
}

Graph::Graph(std::vector<Node> nodes) : nodes_(std::move(nodes)) {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    index_.emplace(nodes_[i].at, i);
    n_layer_ = std::max(n_layer_, nodes_[i].at.il + 1);
  }
}

const Node* Graph::find(At at) const {
  const auto found = index_.find(at);
  return found == index_.end() ? nullptr : &nodes_[found->second];
}

std::vector<const Node*> Graph::readers(At at) const {
  std::vector<const Node*> found;
  for (const Node& node : nodes_) {
    if (std::find(node.inputs.begin(), node.inputs.end(), at) != node.inputs.end()) found.push_back(&node);
  }
  return found;
}

}  // namespace kilter
