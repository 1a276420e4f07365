// RoPE: which position each token is given, and which values are turned at all.
#include <cmath>

#include <fmt/format.h>

#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/passes.h"
#include "analysis/bugs/ops/rotation.h"
#include "analysis/bugs/ops/seen.h"

namespace kilter::analysis {
namespace {

Variant told(std::string detail, Positions positions) {
  return {rope_nodes(), with_positions(std::move(positions)), std::move(detail), ""};
}

// `position` for the tokens after the first pass.
Positions later(std::function<int64_t(int64_t token, std::span<const int64_t> passes)> position) {
  return [position = std::move(position)](int64_t t, std::span<const int64_t> passes) {
    return t < prompt_length(passes) ? t : position(t, passes);
  };
}

bool decodes(const Suspect& suspect) { return suspect.view->passes().size() > 1; }

std::vector<Variant> constant(const Suspect&) {
  return {
      told("position 0 for every token of the prompt",
           [](int64_t t, std::span<const int64_t> passes) { return t < prompt_length(passes) ? 0 : t; }),
      told("position 0 for every token", [](int64_t, std::span<const int64_t>) { return int64_t{0}; }),
      told("every token of a pass is given the position of its first one",
           [](int64_t t, std::span<const int64_t> passes) { return place_in_passes(t, passes).first; }),
      told("every token of a pass is given the position of its last one",
           [](int64_t t, std::span<const int64_t> passes) { return place_in_passes(t, passes).end - 1; })};
}

std::vector<Variant> decode_zero(const Suspect& suspect) {
  if (!decodes(suspect)) return {};
  return {told("each pass begins at position 0 again", later([](int64_t t, std::span<const int64_t> passes) {
                 return t - place_in_passes(t, passes).first;
               }))};
}

std::vector<Variant> decode_shift(const Suspect& suspect) {
  if (!decodes(suspect)) return {};
  using Passes = std::span<const int64_t>;
  std::vector<Variant> variants = {
      told("one too large in decode", later([](int64_t t, Passes) { return t + 1; })),
      told("one too small in decode", later([](int64_t t, Passes) { return t - 1; })),
      told("the prompt's length is added twice in decode",
           later([](int64_t t, Passes passes) { return t + prompt_length(passes); })),
      told("decode counts from 1, not from the prompt's length",
           later([](int64_t t, Passes passes) { return t - prompt_length(passes) + 1; })),
      told("two too large in decode", later([](int64_t t, Passes) { return t + 2; })),
      told("decode stays at the prompt's length",
           later([](int64_t, Passes passes) { return prompt_length(passes); })),
  };
  return variants;
}

std::vector<Variant> from_one(const Suspect&) {
  const auto shifted = [](int64_t by) {
    return [by](int64_t t, std::span<const int64_t>) { return t + by; };
  };
  return {told("positions count from 1", shifted(1)), told("positions count from 2", shifted(2)),
          told("positions count from -1", shifted(-1)),
          told("positions count backwards from the last token of a pass",
               [](int64_t t, std::span<const int64_t> passes) {
                 const PassPlace place = place_in_passes(t, passes);
                 return place.first + place.end - 1 - t;
               })};
}

// How far a seen row is from a rotation by `position`: sum of squares. The pairs are read with the file's own
// frequencies.
double misfit(const Suspect& suspect, std::span<const float> x, size_t row, int64_t position) {
  const Node& node = *suspect.node;
  const Rope& rope = *node.rope;
  const auto width = static_cast<size_t>(head_width(node));
  const auto size = static_cast<size_t>(node.row.elements());
  const auto* from = x.data() + static_cast<size_t>(suspect.rows[row]) * size;
  const auto* seen = suspect.seen->values.data() + row * size;
  double sum = 0;
  for (size_t pair = 0; pair < rope.frequency.size(); ++pair) {
    const double angle = static_cast<double>(position) * rope.frequency[pair];
    const double c = rope.magnitude * std::cos(angle);
    const double s = rope.magnitude * std::sin(angle);
    const auto [i, j] = pair_elements(rope, pair);
    for (size_t head = 0; head < size; head += width) {
      const auto known = [&](size_t e) {
        return is_known(suspect, static_cast<int64_t>(row), static_cast<int64_t>(e));
      };
      const double a = double{from[head + i]};
      const double b = double{from[head + j]};
      if (known(head + i)) sum += std::pow(double{seen[head + i]} - (a * c - b * s), 2);
      if (known(head + j)) sum += std::pow(double{seen[head + j]} - (a * s + b * c), 2);
    }
  }
  return sum;
}

// The position at which each seen row fits best, searched over a context's length.
std::vector<Variant> fitted(const Suspect& suspect) {
  constexpr int64_t kFurthest = 4096;
  if (suspect.segment.size() != 1 || suspect.node->op != "rope" || suspect.seen == nullptr) return {};
  const Result<std::span<const float>> x = suspect.view->value(suspect.node->inputs[0]);
  if (!x.ok()) return {};
  std::vector<int64_t> positions;
  for (size_t t = 0; t < suspect.view->tokens().size(); ++t) positions.push_back(static_cast<int64_t>(t));
  int wrong = 0;
  std::string list;
  for (size_t row = 0; row < suspect.rows.size() && row < 64; ++row) {
    int64_t best = suspect.rows[row];
    double least = misfit(suspect, *x, row, best);
    for (int64_t p = -2; p < kFurthest; ++p) {
      const double sum = misfit(suspect, *x, row, p);
      if (sum < 0.5 * least) std::tie(best, least) = std::pair(p, sum);
    }
    if (best == suspect.rows[row]) continue;
    positions[static_cast<size_t>(suspect.rows[row])] = best;
    if (++wrong <= 4)
      list +=
          fmt::format("{}token {} was turned as if at {}", list.empty() ? "" : ", ", suspect.rows[row], best);
  }
  if (wrong == 0) return {};
  Variant v = told(
      list, [positions](int64_t t, std::span<const int64_t>) { return positions[static_cast<size_t>(t)]; });
  v.fitted = wrong;
  return {v};
}

std::vector<Variant> unturned(const Suspect&) {
  return {{at_points({Point::attn_q_rope}), passed_through(), "the queries are not turned", ""},
          {at_points({Point::attn_k_rope}), passed_through(), "the keys are not turned", ""},
          {rope_nodes(), passed_through(), "neither queries nor keys are turned", "", 0, Parts::none}};
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

std::vector<OpBug> rope_position_bugs() {
  constexpr std::string_view kLater =
      "Dump one decode step after a prompt of several tokens, with q before and after RoPE.";
  return {
      {{.id = "rope-position-constant",
        .title = "All tokens of a pass have one position",
        .cause = "RoPE is given one position for a whole pass instead of one for each token.",
        .fix = "Give token t of a pass the position (tokens in the cache) + t.",
        .rank = 7,
        .next_measurement = "Dump q before and after RoPE for a prompt of three tokens or more."},
       constant},
      {{.id = "decode-position-zero",
        .title = "Decode begins at position 0 again",
        .cause = "The tokens of a decode step are turned as if the sequence began with them.",
        .fix = "Pass the number of tokens that were already seen as start position of each decode step.",
        .rank = 7,
        .next_measurement = kLater},
       decode_zero},
      {{.id = "decode-position-shift",
        .title = "Positions in decode are off",
        .cause = "The position of a decode step is not the number of tokens before it.",
        .fix = "Count the position in one place: it is the number of tokens in the cache before the step.",
        .rank = 7,
        .next_measurement = kLater},
       decode_shift},
      {{.id = "rope-position-offset",
        .title = "Positions do not count from 0",
        .cause =
            "Every token is turned as if it stood elsewhere. Attention sees differences of positions, so "
            "a constant offset alone hardly changes the text.",
        .fix = "Count positions from 0 at the first token.",
        .rank = 7,
        .next_measurement = "Dump q after RoPE at position 0: it must equal q before."},
       from_one},
      {{.id = "rope-position-fitted",
        .title = "Single tokens are turned as if they stood elsewhere",
        .cause = "RoPE fits at other positions than the tokens have.",
        .fix = "Print the positions that RoPE is called with next to the token ids.",
        .rank = 8,
        .next_measurement = kLater},
       fitted},
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
