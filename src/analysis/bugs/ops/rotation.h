// Rotations of one's own, for the bugs of RoPE that Ops::rope cannot do.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "analysis/bugs/ops/op_bug.h"

namespace kilter::analysis {

/// Turns one head in place.   head: [Hk], in f64.
using TurnHead = std::function<void(std::span<double> head, double position, const Rope& rope)>;
/// The position that RoPE is told for each token. `passes` as in ReplayView.
using Positions = std::function<int64_t(int64_t token, std::span<const int64_t> passes)>;

/// Every head of the node's input, turned.
Compute turned(TurnHead turn);
/// RoPE itself.
void turn_rightly(std::span<double> head, double position, const Rope& rope);
/// Rows of `row` elements, a token each from position 0, in heads of `width`.
struct HeadRows {
  size_t row = 0;
  size_t width = 0;
};
Numbers turn_rows(std::span<const float> x, HeadRows shape, const Rope& rope, const TurnHead& turn);
/// rope with other frequencies, pairs or n_rot; `edit` is handed a copy. `head` is the head's width.
Compute with_rope(std::function<Status(Rope& rope, int64_t head, ReplayView& view)> edit);
/// rope with other positions.
Compute with_positions(Positions positions);

/// The nodes that turn queries and keys.
Touches rope_nodes();
/// The first node of the suspect's segment that turns something, or null; and its rope.
const Node* rope_node_of(const Suspect& suspect);
const Rope* rope_of(const Suspect& suspect);
/// Width of a head of that node.
int64_t head_width(const Node& node);
/// The base of the geometric row that the frequencies start with: frequency[i] = frequency[0] *
/// base^(-2i/n_rot). 0 where there is no second pair.
double base_of(const Rope& rope);

/// (i, j), the elements of a pair.
std::pair<size_t, size_t> pair_elements(const Rope& rope, size_t pair);

}  // namespace kilter::analysis
