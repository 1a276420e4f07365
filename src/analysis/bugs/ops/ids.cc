// Token ids: which token's row the engine really read.
#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "analysis/bugs/ops/attention_variants.h"
#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/rotation.h"
#include "analysis/bugs/ops/seen.h"

namespace kilter::analysis {
namespace {

using Passes = std::span<const int64_t>;
using Ids = std::vector<int32_t>;

Touches table() { return at_points({Point::token_embd}); }

// The embedding of other ids than the run's. An id that the table lacks makes no sense.
Compute embed(std::function<Ids(std::span<const int32_t> tokens, Passes passes)> ids) {
  return [ids = std::move(ids)](const Node& node, ReplayView& view) -> Result<Numbers> {
    if (node.weight == nullptr) return no_sense(node, "there is no table");
    Numbers y;
    for (const int32_t id : ids(view.tokens(), view.passes())) {
      if (id < 0 || id >= node.weight->rows) return no_sense(node, "there is no such token");
      KILTER_ASSIGN(const Numbers row, decoded(*node.weight, id, 1));
      y.insert(y.end(), row.begin(), row.end());
    }
    return y;
  };
}

// How far a seen row is from numbers, over what the dump knows of it; and the row's own size.
struct Misfit {
  double error = 0;
  double size = 0;
  int known = 0;
};

Misfit misfit(const Suspect& suspect, size_t row, std::span<const float> numbers, double give_up) {
  Misfit m;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (!is_known(suspect, static_cast<int64_t>(row), static_cast<int64_t>(i))) continue;
    const double seen = double{suspect.seen->values[row * numbers.size() + i]};
    m.error += (seen - double{numbers[i]}) * (seen - double{numbers[i]});
    m.size += seen * seen;
    ++m.known;
    if (m.error > give_up) break;
  }
  return m;
}

// A row of the table is taken for the seen one within the rounding of f16 or of a few printed decimals.
constexpr double kSameRow = 1e-4;

struct FoundIds {
  Ids ids;
  int wrong = 0;
  std::string list;
};

// The token whose row each wrong seen row is. Empty, unless every wrong row is some token's.
std::optional<FoundIds> found_ids(const Suspect& suspect) {
  const Weight* w = suspect.node->weight;
  if (suspect.node->at.point != Point::token_embd || w == nullptr || suspect.seen == nullptr)
    return std::nullopt;
  const auto tokens = suspect.view->tokens();
  FoundIds found{{tokens.begin(), tokens.end()}, 0, ""};
  struct Best {
    size_t row = 0;
    double error = 0;
    int32_t id = -1;
  };
  std::vector<Best> wrong;
  for (size_t r = 0; r < suspect.rows.size(); ++r) {
    const int32_t token = tokens[static_cast<size_t>(suspect.rows[r])];
    if (token < 0 || token >= w->rows) return std::nullopt;
    const auto own = decoded(*w, token, 1);
    if (!own.ok()) return std::nullopt;
    const Misfit m = misfit(suspect, r, *own, INFINITY);
    if (m.known >= 4 && m.error > kSameRow * m.size) wrong.push_back({r, kSameRow * m.size, -1});
  }
  for (int64_t id = 0; id < w->rows && !wrong.empty(); ++id) {
    const auto row = decoded(*w, id, 1);
    if (!row.ok()) return std::nullopt;
    for (Best& best : wrong) {
      const Misfit m = misfit(suspect, best.row, *row, best.error);
      if (m.error <= best.error) best = {best.row, m.error, static_cast<int32_t>(id)};
    }
  }
  for (const Best& best : wrong) {
    if (best.id < 0) return std::nullopt;
    const auto token = static_cast<size_t>(suspect.rows[best.row]);
    if (++found.wrong <= 4) {
      found.list += fmt::format("{}row {} is token {}'s, the dump's ids say {}",
                                found.list.empty() ? "" : ", ", token, best.id, found.ids[token]);
    }
    found.ids[token] = best.id;
  }
  return found.wrong == 0 ? std::nullopt : std::optional(found);
}

using IdOf = int32_t (*)(size_t t, std::span<const int32_t> ids, Passes passes);

// A rule by which each row is another token's of the same run.
struct ShiftRule {
  std::string_view detail;
  IdOf id;
};

constexpr ShiftRule kShifts[] = {
    {"each row is the next token's: the first token (BOS?) is missing",
     [](size_t t, std::span<const int32_t> ids, Passes) { return ids[std::min(t + 1, ids.size() - 1)]; }},
    {"each row is the token's before: one token (BOS?) is in front twice",
     [](size_t t, std::span<const int32_t> ids, Passes) { return ids[t == 0 ? 0 : t - 1]; }},
    {"every row is the first token's", [](size_t, std::span<const int32_t> ids, Passes) { return ids[0]; }},
    {"decode is given the token before once more",
     [](size_t t, std::span<const int32_t> ids, Passes passes) {
       return static_cast<int64_t>(t) < prompt_length(passes) || t == 0 ? ids[t] : ids[t - 1];
     }},
    {"decode is given the prompt's last token again and again",
     [](size_t t, std::span<const int32_t> ids, Passes passes) {
       const auto prompt = static_cast<size_t>(prompt_length(passes));
       return t < prompt || prompt == 0 ? ids[t] : ids[prompt - 1];
     }},
    {"decode is given the prompt's first token",
     [](size_t t, std::span<const int32_t> ids, Passes passes) {
       return static_cast<int64_t>(t) < prompt_length(passes) ? ids[t] : ids[0];
     }},
    {"the tokens of each pass stand in reverse order",
     [](size_t t, std::span<const int32_t> ids, Passes passes) {
       const PassPlace place = place_in_passes(static_cast<int64_t>(t), passes);
       return ids[static_cast<size_t>(place.first + place.end - 1) - t];
     }},
};

Ids shifted_ids(const ShiftRule& rule, std::span<const int32_t> tokens, Passes passes) {
  Ids ids;
  for (size_t t = 0; t < tokens.size(); ++t) ids.push_back(rule.id(t, tokens, passes));
  return ids;
}

std::vector<Variant> shifted(const Suspect& suspect) {
  std::vector<Variant> variants;
  const auto tokens = suspect.view->tokens();
  std::vector<Ids> known{{tokens.begin(), tokens.end()}};
  for (const ShiftRule& rule : kShifts) {
    Ids ids = shifted_ids(rule, tokens, suspect.view->passes());
    if (std::find(known.begin(), known.end(), ids) != known.end()) continue;
    variants.push_back({table(), embed([ids](std::span<const int32_t>, Passes) { return ids; }),
                        std::string(rule.detail), "", 0, Parts::none});
    known.push_back(std::move(ids));
  }
  return variants;
}

std::vector<Variant> other_tokens(const Suspect& suspect) {
  const auto found = found_ids(suspect);
  if (!found) return {};
  const auto tokens = suspect.view->tokens();
  for (const ShiftRule& rule : kShifts) {
    const Ids ids = shifted_ids(rule, tokens, suspect.view->passes());
    const bool follow = std::all_of(suspect.rows.begin(), suspect.rows.end(), [&](int32_t t) {
      return ids[static_cast<size_t>(t)] == found->ids[static_cast<size_t>(t)];
    });
    if (follow) return {};
  }
  return {{table(), embed([ids = found->ids](std::span<const int32_t>, Passes) { return ids; }), found->list,
           "", found->wrong, Parts::none}};
}

bool attends(const Suspect& suspect) {
  return std::any_of(suspect.segment.begin(), suspect.segment.end(),
                     [](const Node* node) { return node->op == "attention_scores"; });
}

// RoPE knows differences of positions only, so a run without its first token is a run in which nobody sees
// it.
std::vector<Variant> first_missing(const Suspect& suspect) {
  if (!attends(suspect) || suspect.view->tokens().size() < 2) return {};
  const SightOf without = [](int64_t t, Passes, const AttentionShape&) {
    return t == 0 ? causal_sight(0) : sight_of_range(1, t + 1);
  };
  return {
      attention_variant({.sight = without, .head = {}, .other = {}}, "the run fits without its first token")};
}

// The score of a query with the first token's key as it would be at position -1.
Result<Numbers> scores_with_key_before(const Node& node, ReplayView& view) {
  const Node* scores = view.graph().find({Point::attn_scores, node.at.il});
  const Node* keys = view.graph().find({Point::attn_k_rope, node.at.il});
  const Node* queries = view.graph().find({Point::attn_q_rope, node.at.il});
  if (scores == nullptr || keys == nullptr || queries == nullptr || keys->row.rank != 2 ||
      queries->row.rank != 2) {
    return no_sense(node, "this layer has no attention as this catalogue knows it");
  }
  KILTER_ASSIGN(const std::span<const float> q, view.value(scores->inputs[0]));
  KILTER_ASSIGN(const std::span<const float> k, view.value(keys->inputs[0]));
  const auto width = static_cast<size_t>(keys->row[1]);
  const auto heads = static_cast<size_t>(queries->row[0]);
  const auto group = std::max<size_t>(1, heads / static_cast<size_t>(keys->row[0]));
  Numbers y(view.tokens().size() * heads);
  std::vector<double> key(width);
  for (size_t i = 0; i < y.size(); ++i) {
    const auto from = k.subspan(i % heads / group * width, width);
    std::copy(from.begin(), from.end(), key.begin());
    turn_rightly(key, -1, *keys->rope);
    double sum = 0;
    for (size_t e = 0; e < width; ++e) sum += key[e] * double{q[i * width + e]};
    y[i] = static_cast<float>(sum * double{scores->number});
  }
  return y;
}

// p with one key more, at position -1. Its share is what the others lack to 1.
Result<Numbers> softmax_with_key_before(const Node& node, ReplayView& view) {
  KILTER_ASSIGN(const Numbers extra, scores_with_key_before(node, view));
  KILTER_ASSIGN(const std::span<const float> s, view.value(node.inputs[0]));
  const size_t n = view.tokens().size();
  Numbers p(s.size());
  for (size_t row = 0; row < extra.size(); ++row) {
    double most = double{extra[row]};
    for (size_t l = 0; l < n; ++l) most = std::max(most, double{s[row * n + l]});
    double sum = std::exp(double{extra[row]} - most);
    for (size_t l = 0; l < n; ++l) sum += std::exp(double{s[row * n + l]} - most);
    for (size_t l = 0; l < n; ++l)
      p[row * n + l] = static_cast<float>(std::exp(double{s[row * n + l]} - most) / sum);
  }
  return p;
}

Result<Numbers> mix_with_value_before(const Node& node, ReplayView& view) {
  KILTER_ASSIGN(Numbers y, view.run(node));
  KILTER_ASSIGN(const std::span<const float> p, view.value(node.inputs[0]));
  KILTER_ASSIGN(const std::span<const float> v, view.value(node.inputs[1]));
  const Node* values = view.graph().find({Point::attn_v_cache, node.at.il});
  if (values == nullptr || values->row.rank != 2) return no_sense(node, "there are no values");
  const size_t n = view.tokens().size();
  const auto heads = static_cast<size_t>(node.row[0]);
  const auto width = static_cast<size_t>(node.row[1]);
  const auto group = std::max<size_t>(1, heads / static_cast<size_t>(values->row[0]));
  for (size_t row = 0; row < n * heads; ++row) {
    double share = 1;
    for (size_t l = 0; l < n; ++l) share -= double{p[row * n + l]};
    const auto first = v.subspan(row % heads / group * width, width);
    for (size_t i = 0; i < width; ++i) {
      y[row * width + i] = static_cast<float>(double{y[row * width + i]} + share * double{first[i]});
    }
  }
  return y;
}

// The second of two equal first tokens sees two equal values, so it is the first one again: all that the
// doubling changes is one key more, one position before token 0's.
std::vector<Variant> first_twice(const Suspect& suspect) {
  if (!attends(suspect) || suspect.view->tokens().size() < 2) return {};
  return {{at_points({Point::attn_softmax, Point::attn_mix}),
           [](const Node& node, ReplayView& view) -> Result<Numbers> {
             return node.op == "softmax" ? softmax_with_key_before(node, view)
                                         : mix_with_value_before(node, view);
           },
           "the run fits with its first token twice", "", 0, Parts::none}};
}

}  // namespace

std::vector<OpBug> id_bugs() {
  constexpr std::string_view kPrint =
      "Print the ids that the engine really runs on, and compare them one by one.";
  return {
      {{.id = "token-ids",
        .title = "The engine runs on other token ids",
        .cause = "Rows of the embedding are those of other tokens than the dump's ids say.",
        .fix = "Compare the ids that go into the embedding with those of the tokenizer, one by one.",
        .rank = 1,
        .next_measurement = kPrint},
       other_tokens},
      {{.id = "token-shift",
        .title = "The tokens are shifted by one",
        .cause =
            "Each row of the embedding is a neighbouring token's: a token too many or too few in front, or "
            "an old one fed again.",
        .fix = "Add BOS once, and feed each token once.",
        .rank = 1,
        .next_measurement = kPrint},
       shifted},
      {{.id = "bos-missing",
        .title = "The first token is not seen",
        .cause =
            "The result is that of a run without its first token: the engine drops BOS, or no token sees "
            "it.",
        .fix = "Put BOS in front once (tokenizer.ggml.add_bos_token), and let every token see it.",
        .rank = 1,
        .next_measurement = "Dump the embedding of all tokens: is the first row there?"},
       first_missing},
      {{.id = "bos-twice",
        .title = "The first token is there twice",
        .cause =
            "The result is that of a run with its first token doubled: the prompt has BOS already, and the "
            "engine adds it again.",
        .fix = "Add BOS once: either the template or the tokenizer.",
        .rank = 1,
        .next_measurement = "Dump the embedding of all tokens: how many rows are there?"},
       first_twice},
  };
}

namespace {

// Row of the stream that the logits of token t are made from.
Variant from_row(std::string detail, std::function<int64_t(int64_t t, int64_t tokens, Passes)> row) {
  return {at_points({Point::output_rows}),
          [row = std::move(row)](const Node& node, ReplayView& view) -> Result<Numbers> {
            KILTER_ASSIGN(const std::span<const float> x, view.value(node.inputs[0]));
            const auto tokens = static_cast<int64_t>(view.tokens().size());
            const auto width = static_cast<size_t>(node.row.elements());
            Numbers y;
            for (const int32_t t : view.rows(node.at)) {
              const int64_t from = row(t, tokens, view.passes());
              if (from < 0 || from >= tokens) return no_sense(node, "there is no such row");
              const auto values = x.subspan(static_cast<size_t>(from) * width, width);
              y.insert(y.end(), values.begin(), values.end());
            }
            return y;
          },
          std::move(detail),
          "",
          0,
          Parts::none};
}

std::vector<Variant> wrong_rows(const Suspect& suspect) {
  if (suspect.view->tokens().size() < 2) return {};
  return {from_row("they are those of token 0", [](int64_t, int64_t, Passes) { return int64_t{0}; }),
          from_row("they are those of the token before",
                   [](int64_t t, int64_t, Passes) { return std::max(int64_t{0}, t - 1); }),
          from_row("they are those of the next token",
                   [](int64_t t, int64_t tokens, Passes) { return std::min(tokens - 1, t + 1); }),
          from_row("they are those of the prompt's last token",
                   [](int64_t, int64_t, Passes passes) {
                     return std::max(int64_t{0}, prompt_length(passes) - 1);
                   }),
          from_row("they are those of the pass's first token",
                   [](int64_t t, int64_t, Passes passes) { return place_in_passes(t, passes).first; }),
          from_row("they stand in reverse order",
                   [](int64_t t, int64_t tokens, Passes) { return tokens - 1 - t; })};
}

}  // namespace

std::vector<OpBug> logit_row_bugs() {
  return {{{.id = "logits-row",
            .title = "The logits are those of another token",
            .cause = "The final norm and the output projection are given another row than the token's.",
            .fix = "Take the last row of the pass: (tokens of the pass - 1) * n_embd.",
            .rank = 1,
            .next_measurement = "Dump the last layer's output of all tokens, and the logits."},
           wrong_rows}};
}

}  // namespace kilter::analysis
