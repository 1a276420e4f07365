#include "analysis/bugs/ops/op_bug.h"

#include <algorithm>

#include <fmt/format.h>

namespace kilter::analysis {
namespace {

class Change final : public Mutation {
 public:
  Change(Touches touches, Compute compute) : touches_(std::move(touches)), compute_(std::move(compute)) {}

  bool changes(const Node& node) const override { return touches_(node); }
  Result<Numbers> compute(const Node& node, ReplayView& view) const override { return compute_(node, view); }

 private:
  Touches touches_;
  Compute compute_;
};

bool in_segment(const Suspect& suspect, const Node& node) {
  return std::any_of(suspect.segment.begin(), suspect.segment.end(),
                     [&](const Node* other) { return other->at == node.at; });
}

// A value that was seen, and judged before the suspect: it was right.
bool seen_right(const Suspect& suspect, const Node& node) {
  const bool before = AtOrder{}(node.at, suspect.node->at);
  return before && !in_segment(suspect, node) && suspect.dump != nullptr &&
         suspect.dump->values.contains(node.at);
}

bool any_node(const Suspect& suspect, const std::function<bool(const Node&)>& is) {
  const auto& nodes = suspect.view->graph().nodes();
  return std::any_of(nodes.begin(), nodes.end(), is);
}

std::string joined(const std::string& a, const std::string& b) { return a.empty() ? b : a + ", " + b; }

Trial as_trial(const Variant& v, Touches touches, std::string detail, int more_fitted) {
  return {make_change(std::move(touches), v.compute), std::move(detail), v.fix, v.fitted + more_fitted};
}

// Parts of the change that touch the suspect's own value.
void add_parts(const Suspect& suspect, const Variant& v, std::vector<Trial>& trials) {
  const At own = suspect.node->at;
  if (!v.touches(*suspect.node)) return;
  const bool other_points =
      any_node(suspect, [&](const Node& n) { return n.at.point != own.point && v.touches(n); });
  if (v.parts == Parts::each && other_points) {
    trials.push_back(as_trial(
        v, [touches = v.touches, own](const Node& n) { return n.at.point == own.point && touches(n); },
        joined(v.detail, fmt::format("at {} alone", point_info(own.point).name)), 0));
  }
  const bool right_in_another_layer = any_node(suspect, [&](const Node& n) {
    return n.at.point == own.point && n.at.il != own.il && v.touches(n) && seen_right(suspect, n);
  });
  if (right_in_another_layer) {
    trials.push_back(as_trial(
        v, [touches = v.touches, own](const Node& n) { return n.at.il == own.il && touches(n); },
        joined(v.detail, fmt::format("in layer {} alone", own.il)), 1));
  }
}

}  // namespace

std::shared_ptr<const Mutation> make_change(Touches touches, Compute compute) {
  return std::make_shared<Change>(std::move(touches), std::move(compute));
}

Touches at_points(std::vector<Point> points) {
  return [points = std::move(points)](const Node& node) {
    return std::find(points.begin(), points.end(), node.at.point) != points.end();
  };
}

Touches of_ops(std::vector<std::string_view> ops) {
  return [ops = std::move(ops)](const Node& node) {
    return std::find(ops.begin(), ops.end(), node.op) != ops.end();
  };
}

Compute edited(std::function<Status(Node&, ReplayView&)> edit) {
  return [edit = std::move(edit)](const Node& node, ReplayView& view) -> Result<Numbers> {
    Node copy = node;
    KILTER_TRY(edit(copy, view));
    return view.run(copy);
  };
}

Compute mapped(std::function<double(double)> change) {
  return [change = std::move(change)](const Node& node, ReplayView& view) -> Result<Numbers> {
    KILTER_ASSIGN(Numbers y, view.run(node));
    for (float& value : y) value = static_cast<float>(change(double{value}));
    return y;
  };
}

Compute passed_through(size_t i) {
  return [i](const Node& node, ReplayView& view) -> Result<Numbers> {
    if (node.inputs.size() <= i) return no_sense(node, "it has no such input");
    KILTER_ASSIGN(const std::span<const float> x, view.value(node.inputs[i]));
    return Numbers(x.begin(), x.end());
  };
}

Compute in_decode(Compute change) {
  return [change = std::move(change)](const Node& node, ReplayView& view) -> Result<Numbers> {
    KILTER_ASSIGN(Numbers y, view.run(node));
    KILTER_ASSIGN(const Numbers wrong, change(node, view));
    const std::span<const int32_t> rows = view.rows(node.at);
    if (rows.empty() || wrong.size() != y.size()) return no_sense(node, "there is no such row");
    const size_t width = y.size() / rows.size();
    const int64_t prompt = view.passes().empty() ? 0 : view.passes().front();
    for (size_t r = 0; r < rows.size(); ++r) {
      if (rows[r] < prompt) continue;
      const auto from = static_cast<std::ptrdiff_t>(r * width);
      std::copy_n(wrong.begin() + from, width, y.begin() + from);
    }
    return y;
  };
}

Error no_sense(const Node& node, std::string_view why) {
  return {ErrorCode::usage, to_string(node.at), std::string(why), ""};
}

bool touches_segment(const Suspect& suspect, const Touches& touches) {
  return std::any_of(suspect.segment.begin(), suspect.segment.end(),
                     [&](const Node* node) { return touches(*node); });
}

std::vector<Trial> OpBug::trials(const Suspect& suspect) const {
  std::vector<Trial> trials;
  if (suspect.node == nullptr || suspect.view == nullptr) return trials;
  for (const Variant& v : variants_(suspect)) {
    if (!touches_segment(suspect, v.touches)) continue;
    trials.push_back(as_trial(v, v.touches, v.detail, 0));
    if (v.parts != Parts::none) add_parts(suspect, v, trials);
  }
  return trials;
}

}  // namespace kilter::analysis
