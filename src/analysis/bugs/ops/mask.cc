// Which keys a query may see.
#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "analysis/bugs/ops/attention_variants.h"
#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/seen.h"

namespace kilter::analysis {
namespace {

using Passes = std::span<const int64_t>;

Variant sees(std::string detail, SightOf sight) {
  return attention_variant({.sight = std::move(sight), .head = {}, .other = {}}, std::move(detail));
}

std::vector<Variant> no_mask(const Suspect&) {
  return {sees("each token of a pass sees the whole pass",
               [](int64_t t, Passes passes, const AttentionShape&) {
                 return sight_of_range(0, place_in_passes(t, passes).end);
               }),
          sees("each token sees itself and what comes after it",
               [](int64_t t, Passes passes, const AttentionShape&) {
                 const PassPlace place = place_in_passes(t, passes);
                 Sight s = sight_of_range(0, place.first);
                 for (int64_t l = t; l < place.end; ++l) s.keys.push_back({l, l});
                 return s;
               })};
}

std::vector<Variant> no_offset(const Suspect& suspect) {
  if (suspect.view->passes().size() < 2) return {};
  return {sees("token i of a later pass sees keys 0 .. i of the cache",
               [](int64_t t, Passes passes, const AttentionShape&) {
                 return causal_sight(t - place_in_passes(t, passes).first);
               })};
}

std::vector<Variant> off_by_one(const Suspect&) {
  const auto without_own = [](bool first_sees_itself) {
    return [first_sees_itself](int64_t t, Passes, const AttentionShape&) {
      return t == 0 && first_sees_itself ? causal_sight(0) : sight_of_range(0, t);
    };
  };
  return {sees("each token sees the next one too",
               [](int64_t t, Passes passes, const AttentionShape&) {
                 return sight_of_range(0, std::min(t + 2, place_in_passes(t, passes).end));
               }),
          sees("no token but the first sees itself", without_own(true)),
          sees("no token sees itself", without_own(false))};
}

// Softmax over all keys of the pass, and the mask afterwards: the shares of what may be seen sum to less
// than 1.
Result<Numbers> softmax_then_mask(const Node& node, ReplayView& view) {
  const Node* scores = view.graph().find({Point::attn_scores, node.at.il});
  if (scores == nullptr) return no_sense(node, "there are no scores");
  const auto everything = [](int64_t t, Passes passes, const AttentionShape&) {
    return sight_of_range(0, place_in_passes(t, passes).end);
  };
  KILTER_ASSIGN(const Numbers all,
                scores_with({.sight = everything, .head = {}, .other = {}})(*scores, view));
  const size_t tokens = view.tokens().size();
  const auto heads = static_cast<size_t>(scores->row[0]);
  Numbers y(all.size());
  for (size_t from = 0; from < all.size(); from += tokens) {
    const size_t t = from / tokens / heads;
    double most = -INFINITY;
    double sum = 0;
    for (size_t l = 0; l < tokens; ++l) most = std::max(most, double{all[from + l]});
    for (size_t l = 0; l < tokens; ++l) sum += std::exp(double{all[from + l]} - most);
    for (size_t l = 0; l <= t; ++l)
      y[from + l] = static_cast<float>(std::exp(double{all[from + l]} - most) / sum);
  }
  return y;
}

std::vector<Variant> mask_after_softmax(const Suspect&) {
  return {{at_points({Point::attn_softmax}), softmax_then_mask, "", ""}};
}

SightOf window(int64_t keys) {
  return [keys](int64_t t, Passes, const AttentionShape&) {
    return sight_of_range(std::max(int64_t{0}, t + 1 - keys), t + 1);
  };
}

// The window in scores or softmax: the keys that head 0 of the last seen row has a number for.
std::optional<int64_t> window_in_slots(const Suspect& suspect) {
  const auto tokens = static_cast<int64_t>(suspect.view->tokens().size());
  const int64_t width = static_cast<int64_t>(suspect.seen->values.size() / suspect.rows.size());
  const auto row = static_cast<int64_t>(suspect.rows.size()) - 1;
  const bool scores = suspect.node->op == "attention_scores";
  constexpr float kMasked = -1e30F;  // engines write -infinity, the lowest f32, or -1e30 and less
  if (width < tokens) return std::nullopt;
  int64_t keys = 0;
  for (int64_t l = 0; l <= suspect.rows.back(); ++l) {
    if (!is_known(suspect, row, l)) return std::nullopt;
    const float x = suspect.seen->values[static_cast<size_t>(row * width + l)];
    keys += scores ? (x > kMasked ? 1 : 0) : (x != 0 ? 1 : 0);
  }
  return keys;
}

// The window in the mix, from shares of all keys: those of the latest keys, made to sum to 1 again.
std::optional<int64_t> window_in_mix(const Suspect& suspect) {
  const Node& node = *suspect.node;
  const Node* values = suspect.view->graph().find({Point::attn_v_cache, node.at.il});
  const auto p = suspect.view->value(node.inputs[0]);
  const auto v = suspect.view->value(node.inputs[1]);
  if (!p.ok() || !v.ok() || values == nullptr || values->row.rank != 2) return std::nullopt;
  const size_t n = suspect.view->tokens().size();
  const auto t = static_cast<size_t>(suspect.rows.back());
  const auto width = static_cast<size_t>(node.row[1]);
  const size_t row = suspect.rows.size() - 1;
  const float* seen = suspect.seen->values.data() + row * static_cast<size_t>(node.row.elements());
  std::vector<double> sum(width);
  double share = 0;
  std::optional<int64_t> best;
  double least = INFINITY;
  for (size_t back = 0; back <= t; ++back) {  // head 0, from its own key backwards
    const size_t l = t - back;
    const double weight = double{(*p)[t * static_cast<size_t>(node.row[0]) * n + l]};
    const float* value = v->data() + l * static_cast<size_t>(values->row.elements());
    share += weight;
    double error = 0;
    for (size_t i = 0; i < width; ++i) {
      sum[i] += weight * double{value[i]};
      if (!is_known(suspect, static_cast<int64_t>(row), static_cast<int64_t>(i))) continue;
      error += std::pow(sum[i] / share - double{seen[i]}, 2);
    }
    if (error < least)
      std::tie(best, least) = std::pair(std::optional(static_cast<int64_t>(back + 1)), error);
  }
  return best;
}

std::vector<Variant> windows(const Suspect& suspect) {
  const auto tokens = static_cast<int64_t>(suspect.view->tokens().size());
  std::vector<Variant> variants;
  const auto add = [&](int64_t keys, int fitted) {
    variants.push_back(
        sees(fmt::format("a window of {} keys fits; this model has none", keys), window(keys)));
    variants.back().fitted = fitted;
  };
  const bool slots = suspect.node->op == "softmax" || suspect.node->op == "attention_scores";
  if ((slots || suspect.node->op == "attention_mix") && suspect.seen != nullptr && !suspect.rows.empty()) {
    const auto keys = slots ? window_in_slots(suspect) : window_in_mix(suspect);
    if (keys && *keys >= 1 && *keys < tokens) add(*keys, 1);
    return variants;
  }
  for (int64_t keys = 1; keys < tokens; keys = tokens <= 16 ? keys + 1 : keys * 2) add(keys, 1);
  return variants;
}

}  // namespace

std::vector<OpBug> mask_bugs() {
  return {
      {{.id = "causal-mask",
        .title = "Tokens see what comes after them",
        .cause =
            "The engine's attention has no causal mask (or its mirror image): a token of the prompt sees "
            "later tokens.",
        .fix = "Let token t see keys 0 .. t: set later scores to -infinity before the softmax.",
        .rank = 16,
        .next_measurement = "Dump the attention's output of all tokens of a prompt: the last row is right "
                            "without a mask."},
       no_mask},
      {{.id = "mask-cache-offset",
        .title = "The causal mask ignores the tokens in the cache",
        .cause = "In a later pass the mask counts from the pass's first token, so most of the history is "
                 "hidden.",
        .fix = "Let token i of a pass see keys 0 .. (tokens in the cache) + i.",
        .rank = 16,
        .next_measurement = "Dump one decode step after a prompt of several tokens."},
       no_offset},
      {{.id = "mask-off-by-one",
        .title = "The causal mask is off by one",
        .cause = "A token sees one key too many or too few.",
        .fix = "Let token t see keys 0 .. t, its own included.",
        .rank = 16,
        .next_measurement =
            "Dump the softmax of one head for a prompt of three tokens: row t has t + 1 numbers."},
       off_by_one},
      {{.id = "mask-after-softmax",
        .title = "The mask comes after the softmax",
        .cause =
            "Hidden keys take part in the softmax and are dropped afterwards, so the shares that are left "
            "sum to less than 1.",
        .fix = "Set hidden scores to -infinity before the softmax.",
        .rank = 16,
        .next_measurement = "Dump the softmax: each row must sum to 1."},
       mask_after_softmax},
      {{.id = "sliding-window",
        .title = "A sliding window that this model does not have",
        .cause = "The engine lets a token see only the latest keys.",
        .fix = "Use a window only where the file has <arch>.attention.sliding_window.",
        .rank = 29,
        .next_measurement = "Dump the softmax of a late token: which keys have a share?"},
       windows},
  };
}

}  // namespace kilter::analysis
