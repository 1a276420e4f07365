// Biases of projections.
#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/seen.h"

namespace kilter::analysis {
namespace {

Touches biases() { return of_ops({"add_bias"}); }

// x + times * b
Compute bias_times(double times) {
  return [times](const Node& node, ReplayView& view) -> Result<Numbers> {
    if (node.weight == nullptr || node.inputs.empty()) return no_sense(node, "it has no bias");
    KILTER_ASSIGN(const std::span<const float> x, view.value(node.inputs[0]));
    KILTER_ASSIGN(const Numbers b, decoded(*node.weight, 0, 1));
    if (b.empty() || x.size() % b.size() != 0) return no_sense(node, "the bias is not as wide");
    Numbers y(x.size());
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = static_cast<float>(double{x[i]} + times * double{b[i % b.size()]});
    }
    return y;
  };
}

std::vector<Variant> wrong(const Suspect&) {
  return {{biases(), bias_times(2), "it is added twice", ""},
          {biases(), bias_times(-1), "it is taken off, not added", ""}};
}

// Only the first row of each pass.
Result<Numbers> first_row_only(const Node& node, ReplayView& view) {
  KILTER_ASSIGN(Numbers y, view.run(node));
  KILTER_ASSIGN(const std::span<const float> x, view.value(node.inputs[0]));
  const auto row = static_cast<size_t>(node.row.elements());
  for (size_t i = row; i < y.size() && i < x.size(); ++i) y[i] = x[i];
  return y;
}

std::vector<Variant> not_everywhere(const Suspect&) {
  return {{biases(), first_row_only, "only token 0 gets it", ""}};
}

}  // namespace

std::vector<OpBug> bias_bugs() {
  constexpr std::string_view kBoth =
      "Dump the projection of two tokens: the difference is the same vector at both.";
  return {
      {{.id = "bias-wrong",
        .title = "A bias is added wrongly",
        .cause = "The engine adds this projection's bias twice, or takes it off.",
        .fix = "Add the bias once, after the projection.",
        .rank = 21,
        .next_measurement = kBoth},
       wrong},
      {{.id = "bias-first-row",
        .title = "A bias is added to the first token alone",
        .cause = "The engine adds the bias to one row of the batch instead of all.",
        .fix = "Add the bias to every row.",
        .rank = 22,
        .next_measurement = kBoth},
       not_everywhere},
  };
}

}  // namespace kilter::analysis
