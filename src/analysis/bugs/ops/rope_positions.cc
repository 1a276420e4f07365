// RoPE: which position each token is given.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/passes.h"
#include "analysis/bugs/ops/rotation.h"
#include "analysis/bugs/ops/seen.h"

namespace kilter::analysis {
namespace {

using Passes = std::span<const int64_t>;

enum class Kind { constant, decode_zero, decode_shift, offset };

// A rule that people have used instead of "token t is at position t".
struct Rule {
  Kind kind;
  std::string_view detail;
  Positions position;
};

// `position` for the tokens after the first pass.
Positions later(Positions position) {
  return [position = std::move(position)](int64_t t, Passes passes) {
    return t < prompt_length(passes) ? t : position(t, passes);
  };
}

const std::vector<Rule>& rules() {
  static const std::vector<Rule> kRules = {
      {Kind::constant, "position 0 for every token of the prompt",
       [](int64_t t, Passes passes) { return t < prompt_length(passes) ? 0 : t; }},
      {Kind::constant, "every token of a pass is given the position of its first one",
       [](int64_t t, Passes passes) { return place_in_passes(t, passes).first; }},
      {Kind::constant, "every token of a pass is given the position of its last one",
       [](int64_t t, Passes passes) { return place_in_passes(t, passes).end - 1; }},
      {Kind::decode_zero, "each pass begins at position 0 again",
       later([](int64_t t, Passes passes) { return t - place_in_passes(t, passes).first; })},
      {Kind::decode_shift, "one too large in decode", later([](int64_t t, Passes) { return t + 1; })},
      {Kind::decode_shift, "one too small in decode", later([](int64_t t, Passes) { return t - 1; })},
      {Kind::decode_shift, "the prompt's length is added twice in decode",
       later([](int64_t t, Passes passes) { return t + prompt_length(passes); })},
      {Kind::decode_shift, "decode counts from 1, not from the prompt's length",
       later([](int64_t t, Passes passes) { return t - prompt_length(passes) + 1; })},
      {Kind::decode_shift, "two too large in decode", later([](int64_t t, Passes) { return t + 2; })},
      {Kind::decode_shift, "decode stays at the prompt's length",
       later([](int64_t, Passes passes) { return prompt_length(passes); })},
      {Kind::decode_shift, "decode stays at the prompt's last position",
       later([](int64_t, Passes passes) { return prompt_length(passes) - 1; })},
      {Kind::decode_shift, "decode counts passes, not tokens",
       later([](int64_t t, Passes passes) { return place_in_passes(t, passes).index; })},
      {Kind::offset, "positions count from 1", [](int64_t t, Passes) { return t + 1; }},
      {Kind::offset, "positions count from 2", [](int64_t t, Passes) { return t + 2; }},
      {Kind::offset, "positions count from -1", [](int64_t t, Passes) { return t - 1; }},
      {Kind::offset, "positions count backwards from the last token of a pass",
       [](int64_t t, Passes passes) {
         const PassPlace place = place_in_passes(t, passes);
         return place.first + place.end - 1 - t;
       }},
  };
  return kRules;
}

Variant told(std::string detail, Positions positions) {
  return {rope_nodes(), with_positions(std::move(positions)), std::move(detail), ""};
}

// The rules of a kind that say something else than the right one in this run, each position once.
std::vector<Variant> of_kind(const Suspect& suspect, Kind kind) {
  std::vector<Variant> variants;
  const auto tokens = static_cast<int64_t>(suspect.view->tokens().size());
  const auto list = [&](const Positions& position) {
    std::vector<int64_t> positions;
    for (int64_t t = 0; t < tokens; ++t) positions.push_back(position(t, suspect.view->passes()));
    return positions;
  };
  std::vector<std::vector<int64_t>> known{list([](int64_t t, Passes) { return t; })};
  for (const Rule& rule : rules()) {
    std::vector<int64_t> positions = list(rule.position);
    const bool again = std::find(known.begin(), known.end(), positions) != known.end();
    if (rule.kind == kind && !again) variants.push_back(told(std::string(rule.detail), rule.position));
    known.push_back(std::move(positions));
  }
  return variants;
}

OpBug::Variants rules_of(Kind kind) {
  return [kind](const Suspect& suspect) { return of_kind(suspect, kind); };
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

// Whether the seen rows follow a rule of the list, all stand at 0 (as without RoPE), or are all stretched
// alike.
bool has_a_name(const Suspect& suspect, std::span<const int64_t> positions) {
  const auto follow = [&](const Positions& rule) {
    return std::all_of(suspect.rows.begin(), suspect.rows.end(), [&](int32_t t) {
      return positions[static_cast<size_t>(t)] == rule(t, suspect.view->passes());
    });
  };
  for (const int64_t factor : {0, 2, 4, 8}) {
    if (follow([factor](int64_t t, Passes) { return factor * t; })) return true;
  }
  return std::any_of(rules().begin(), rules().end(), [&](const Rule& rule) { return follow(rule.position); });
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
  if (wrong == 0 || has_a_name(suspect, positions)) return {};
  Variant v = told(
      list, [positions](int64_t t, std::span<const int64_t>) { return positions[static_cast<size_t>(t)]; });
  v.fitted = wrong;
  return {v};
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
       rules_of(Kind::constant)},
      {{.id = "decode-position-zero",
        .title = "Decode begins at position 0 again",
        .cause = "The tokens of a decode step are turned as if the sequence began with them.",
        .fix = "Pass the number of tokens that were already seen as start position of each decode step.",
        .rank = 7,
        .next_measurement = kLater},
       rules_of(Kind::decode_zero)},
      {{.id = "decode-position-shift",
        .title = "Positions in decode are off",
        .cause = "The position of a decode step is not the number of tokens before it.",
        .fix = "Count the position in one place: it is the number of tokens in the cache before the step.",
        .rank = 7,
        .next_measurement = kLater},
       rules_of(Kind::decode_shift)},
      {{.id = "rope-position-offset",
        .title = "Positions do not count from 0",
        .cause =
            "Every token is turned as if it stood elsewhere. Attention sees differences of positions, so "
            "a constant offset alone hardly changes the text.",
        .fix = "Count positions from 0 at the first token.",
        .rank = 7,
        .next_measurement = "Dump q after RoPE at position 0: it must equal q before."},
       rules_of(Kind::offset)},
      {{.id = "rope-position-fitted",
        .title = "Single tokens are turned as if they stood elsewhere",
        .cause = "RoPE fits at other positions than the tokens have.",
        .fix = "Print the positions that RoPE is called with next to the token ids.",
        .rank = 8,
        .next_measurement = kLater},
       fitted},
  };
}

}  // namespace kilter::analysis
