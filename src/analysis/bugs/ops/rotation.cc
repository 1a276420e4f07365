#include "analysis/bugs/ops/rotation.h"

#include <algorithm>
#include <cmath>

namespace kilter::analysis {

void turn_rightly(std::span<double> head, double position, const Rope& rope) {
  for (size_t pair = 0; pair < rope.frequency.size(); ++pair) {
    const auto [i, j] = pair_elements(rope, pair);
    const double c = std::cos(position * rope.frequency[pair]) * rope.magnitude;
    const double s = std::sin(position * rope.frequency[pair]) * rope.magnitude;
    const double x = head[i];
    const double y = head[j];
    head[i] = x * c - y * s;
    head[j] = x * s + y * c;
  }
}

Numbers turn_rows(std::span<const float> x, HeadRows shape, const Rope& rope, const TurnHead& turn) {
  Numbers y(x.size());
  std::vector<double> head(shape.width);
  for (size_t from = 0; from < x.size(); from += shape.width) {
    std::copy_n(x.begin() + static_cast<std::ptrdiff_t>(from), shape.width, head.begin());
    turn(head, static_cast<double>(from / shape.row), rope);
    std::transform(head.begin(), head.end(), y.begin() + static_cast<std::ptrdiff_t>(from),
                   [](double value) { return static_cast<float>(value); });
  }
  return y;
}

Compute turned(TurnHead turn) {
  return [turn = std::move(turn)](const Node& node, ReplayView& view) -> Result<Numbers> {
    if (node.rope == nullptr || node.inputs.empty()) return no_sense(node, "it turns nothing");
    KILTER_ASSIGN(const std::span<const float> x, view.value(node.inputs[0]));
    const HeadRows shape{static_cast<size_t>(node.row.elements()), static_cast<size_t>(head_width(node))};
    return turn_rows(x, shape, *node.rope, turn);
  };
}

Compute with_rope(std::function<Status(Rope& rope, int64_t head, ReplayView& view)> edit) {
  return [edit = std::move(edit)](const Node& node, ReplayView& view) -> Result<Numbers> {
    if (node.rope == nullptr) return no_sense(node, "it turns nothing");
    Rope rope = *node.rope;
    KILTER_TRY(edit(rope, head_width(node), view));
    Node copy = node;
    copy.rope = &rope;
    return view.run(copy);
  };
}

Compute with_positions(Positions positions) {
  return [positions = std::move(positions)](const Node& node, ReplayView& view) -> Result<Numbers> {
    std::vector<int32_t> told;
    const auto tokens = static_cast<int64_t>(view.tokens().size());
    for (int64_t t = 0; t < tokens; ++t) told.push_back(static_cast<int32_t>(positions(t, view.passes())));
    return view.run_rope(node, told);
  };
}

Touches rope_nodes() { return of_ops({"rope"}); }

const Node* rope_node_of(const Suspect& suspect) {
  for (const Node* node : suspect.segment) {
    if (node->op == "rope") return node;
  }
  return nullptr;
}

const Rope* rope_of(const Suspect& suspect) {
  const Node* node = rope_node_of(suspect);
  return node == nullptr ? nullptr : node->rope;
}

int64_t head_width(const Node& node) { return node.row.rank == 0 ? 1 : node.row[node.row.rank - 1]; }

double base_of(const Rope& rope) {
  if (rope.frequency.size() < 2 || rope.frequency[1] <= 0) return 0;
  return std::pow(rope.frequency[1] / rope.frequency[0], -static_cast<double>(rope.n_rot) / 2);
}

std::pair<size_t, size_t> pair_elements(const Rope& rope, size_t pair) {
  if (rope.pairs == RopePairs::adjacent) return {2 * pair, 2 * pair + 1};
  return {pair, pair + static_cast<size_t>(rope.n_rot) / 2};
}

}  // namespace kilter::analysis
