// A forward pass as data: which op makes each value, and from which values. It is recorded from the one
// forward pass (observe/graph_ops.h), so nothing is said twice.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "ops/layer.h"
#include "ops/point.h"

namespace kilter {

inline bool operator==(At a, At b) { return a.point == b.point && a.il == b.il; }

/// The order of computation: layer by layer, the head last.
struct AtOrder {
  bool operator()(At a, At b) const;
};

/// One op of the pass.
struct Node {
  At at;                   ///< the value that is made
  std::string_view op;     ///< the function of ops.h
  std::vector<At> inputs;  ///< values that are read, in the order of the op's arguments; a cache as the
                           ///< value that was stored: attn_k_cache, attn_v_cache
  const Weight* weight = nullptr;  ///< embed, rmsnorm, matmul, add_bias
  const Rope* rope = nullptr;      ///< rope
  float number = 0;                ///< rmsnorm: eps; attention_scores: scale
  Shape row;  ///< shape of one row of the value: {H, Hk}, {D}; scores and softmax {H, 0}, their last axis is
              ///< as long as the tokens that are looked at
};

/// All ops of a pass in the order of computation. The weights belong to the model.
class Graph {
 public:
  explicit Graph(std::vector<Node> nodes);

  const std::vector<Node>& nodes() const { return nodes_; }
  /// The node that makes the value, or null when this model has no such value.
  const Node* find(At at) const;
  /// Nodes that read the value.
  std::vector<const Node*> readers(At at) const;
  /// Layers of the model.
  int n_layer() const { return n_layer_; }

 private:
  std::vector<Node> nodes_;
  std::map<At, size_t, AtOrder> index_;
  int n_layer_ = 0;
};

}  // namespace kilter
