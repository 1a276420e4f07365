// Which keys a query may see.
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

// How far the suspect is from attention with this sight; empty where it cannot be computed.
std::optional<double> misfit(const Suspect& suspect, const SightOf& sight) {
  const Variant v = sees("", sight);
  const Result<Numbers> y = v.compute(*suspect.node, *suspect.view);
  if (!y.ok()) return std::nullopt;
  double sum = 0;
  for (const SeenPair& p : pair_up(suspect, *y)) sum += (p.seen - p.right) * (p.seen - p.right);
  return sum;
}

std::vector<Variant> windows(const Suspect& suspect) {
  const auto tokens = static_cast<int64_t>(suspect.view->tokens().size());
  const auto variant = [](int64_t keys, int fitted) {
    Variant v = sees(fmt::format("a window of {} keys fits; this model has none", keys), window(keys));
    v.fitted = fitted;
    return v;
  };
  std::vector<Variant> variants;
  const bool attention = suspect.node->op == "softmax" || suspect.node->op == "attention_mix" ||
                         suspect.node->op == "attention_scores";
  if (attention && suspect.seen != nullptr && tokens <= 256) {
    // A window changes scores by hiding some; numbers that are not finite say nothing, so softmax and mix are
    // asked.
    std::optional<int64_t> best;
    double least = INFINITY;
    for (int64_t keys = 1; keys < tokens; ++keys) {
      const std::optional<double> sum = misfit(suspect, window(keys));
      if (sum && *sum < least) std::tie(best, least) = std::pair(std::optional(keys), *sum);
    }
    if (best) variants.push_back(variant(*best, 1));
    return variants;
  }
  for (int64_t keys = 1; keys < tokens; keys = tokens <= 16 ? keys + 1 : keys * 2) {
    variants.push_back(variant(keys, 1));
  }
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
