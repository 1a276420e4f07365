// RoPE: which values are turned, and how often.
#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/rotation.h"

namespace kilter::analysis {
namespace {

std::vector<Variant> unturned(const Suspect&) {
  return {{at_points({Point::attn_q_rope}), passed_through(), "the queries are not turned", ""},
          {at_points({Point::attn_k_rope}), passed_through(), "the keys are not turned", ""},
          {rope_nodes(), passed_through(), "neither queries nor keys are turned (or every position is 0)", "",
           0, Parts::none}};
}

// v turned as the keys of its layer are.
Result<Numbers> turn_values(const Node& node, ReplayView& view) {
  const Node* keys = view.graph().find({Point::attn_k_rope, node.at.il});
  const Node* values = view.graph().find({Point::attn_v_cache, node.at.il});
  if (keys == nullptr || values == nullptr || head_width(*keys) != head_width(*values)) {
    return no_sense(node, "values have another width than keys");
  }
  KILTER_ASSIGN(const Numbers v, view.run(node));
  const HeadRows shape{static_cast<size_t>(keys->row.elements()), static_cast<size_t>(head_width(*keys))};
  return turn_rows(v, shape, *keys->rope, turn_rightly);
}

// The last op before the cache, whatever it is: what a dump calls v is turned.
std::vector<Variant> turned_values(const Suspect& suspect) {
  const Graph& graph = suspect.view->graph();
  const Touches last = [&graph](const Node& node) {
    const bool biased = graph.find({Point::attn_v_bias, node.at.il}) != nullptr;
    return node.at.point == (biased ? Point::attn_v_bias : Point::attn_v);
  };
  return {{last, turn_values, "", ""},
          {at_points({Point::attn_v_cache}), turn_values, "as they go to the cache", ""}};
}

std::vector<Variant> twice(const Suspect&) {
  return {{rope_nodes(), with_rope([](Rope& r, int64_t, ReplayView&) -> Status {
             for (double& f : r.frequency) f *= 2;
             r.magnitude *= r.magnitude;
             return {};
           }),
           "queries and keys are turned twice", ""}};
}

}  // namespace

std::vector<OpBug> rope_use_bugs() {
  return {
      {{.id = "rope-missing",
        .title = "RoPE is left out for queries or keys",
        .cause = "One of the two operands of attention is not turned by its position.",
        .fix = "Apply RoPE to queries and keys, in every layer, before the keys go to the cache.",
        .rank = 7,
        .next_measurement = "Dump q and k after RoPE at a position >= 1."},
       unturned},
      {{.id = "rope-on-values",
        .title = "RoPE is applied to values too",
        .cause = "The values are turned by their positions, which only queries and keys should be.",
        .fix = "Leave v as the projection gives it.",
        .rank = 7,
        .next_measurement = "Dump v as it goes to the cache, at a position >= 1."},
       turned_values},
      {{.id = "rope-twice",
        .title = "RoPE is applied twice",
        .cause = "Queries and keys are turned by twice their angle, for example before and after the cache.",
        .fix = "Apply RoPE once, before the keys go to the cache.",
        .rank = 7,
        .next_measurement = "Dump q before and after RoPE at position 1."},
       twice},
  };
}

}  // namespace kilter::analysis
