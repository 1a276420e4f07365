// The norms of queries and keys.
#include <algorithm>
#include <cmath>

#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/seen.h"

namespace kilter::analysis {
namespace {

using Vector = std::span<const float>;

double right_scale(double mean_of_squares, double eps) { return 1 / std::sqrt(mean_of_squares + eps); }

Touches qk_norms() { return at_points({Point::attn_q_norm, Point::attn_k_norm}); }

bool has_qk_norm(const Suspect& suspect) {
  const auto& nodes = suspect.view->graph().nodes();
  return std::any_of(nodes.begin(), nodes.end(), qk_norms());
}

// norm(rope(x)) instead of rope(norm(x)), for queries and keys.
Result<Numbers> norm_behind_rope(const Node& node, ReplayView& view) {
  if (node.op == "rmsnorm") return passed_through()(node, view);
  const Node* norm = node.inputs.empty() ? nullptr : view.graph().find(node.inputs[0]);
  if (norm == nullptr || norm->op != "rmsnorm") return no_sense(node, "there is no norm before it");
  Node turned = node;
  turned.inputs = norm->inputs;
  KILTER_ASSIGN(const Numbers x, view.run(turned));
  return normed(x, *norm->weight,
                [&](Vector v) { return right_scale(mean_square(v), double{norm->number}); });
}

// The mean square over all heads of a row.
Result<Numbers> over_whole_row(const Node& node, ReplayView& view) {
  KILTER_ASSIGN(const Vector x, view.value(node.inputs[0]));
  const auto row = static_cast<size_t>(node.row.elements());
  const auto n = static_cast<size_t>(node.weight->cols);
  size_t vector = 0;
  return normed(x, *node.weight, [&](Vector) {
    const size_t from = vector++ * n / row * row;
    return right_scale(mean_square(x.subspan(from, row)), double{node.number});
  });
}

std::vector<Variant> qk(const Suspect& suspect) {
  if (!has_qk_norm(suspect)) return {};
  const Touches with_rope = [](const Node& node) { return qk_norms()(node) || node.op == "rope"; };
  return {
      {qk_norms(), passed_through(), "the norms of queries and keys are left out", ""},
      {with_rope, norm_behind_rope, "the norm comes after RoPE, not before", "", 0, Parts::layer},
      {qk_norms(), over_whole_row, "the mean square is taken over the whole row, not over each head", ""}};
}

}  // namespace

std::vector<OpBug> qk_norm_bugs() {
  return {
      {{.id = "qk-norm",
        .title = "The norms of queries and keys are wrong",
        .cause = "The model normalises each head of q and k before RoPE; the engine does not, or not so.",
        .fix = "Apply attn_q_norm and attn_k_norm to each head by itself, before RoPE.",
        .rank = 28,
        .next_measurement = "Dump q before the norm, after it, and after RoPE, at a position >= 1."},
       qk},
  };
}

}  // namespace kilter::analysis
