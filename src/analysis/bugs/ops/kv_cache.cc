// What decode finds in the cache.
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

bool decodes(const Suspect& suspect) { return suspect.view->passes().size() > 1; }

// Which column of the scores a key of the pass has: counted from the pass's first, or from the run's.
enum class Slots { of_the_pass, of_the_run };

// A changed sight for the tokens after the first pass.
Variant later(std::string detail, SightOf sight) {
  const SightOf decode_only = [sight = std::move(sight)](int64_t t, Passes passes, const AttentionShape& s) {
    return t < prompt_length(passes) ? causal_sight(t) : sight(t, passes, s);
  };
  return attention_variant({.sight = decode_only, .head = {}, .other = {}}, std::move(detail));
}

std::vector<Variant> without_cache(const Suspect& suspect) {
  if (!decodes(suspect)) return {};
  const auto own_pass = [](Slots slots) {
    return [slots](int64_t t, Passes passes, const AttentionShape&) {
      const int64_t first = place_in_passes(t, passes).first;
      Sight sight = sight_of_range(first, t + 1);
      for (SeenKey& key : sight.keys) key.slot -= slots == Slots::of_the_pass ? first : 0;
      return sight;
    };
  };
  return {later("a decode step sees the keys of its own pass alone", own_pass(Slots::of_the_pass)),
          later("a decode step sees the keys of its own pass alone, the others are masked",
                own_pass(Slots::of_the_run))};
}

// Each pass on its own: positions from 0, and its own keys alone. One change for dumps that show neither.
std::vector<Variant> stateless(const Suspect& suspect) {
  // In a full dump it ties with decode-position-zero at the rope, and the scores settle it.
  if (!decodes(suspect)) return {};
  const Variant attention = without_cache(suspect).front();
  const Compute compute = [attention](const Node& node, ReplayView& view) -> Result<Numbers> {
    if (node.op != "rope") return attention.compute(node, view);
    std::vector<int32_t> positions;
    for (size_t t = 0; t < view.tokens().size(); ++t) {
      const auto token = static_cast<int64_t>(t);
      positions.push_back(static_cast<int32_t>(token - place_in_passes(token, view.passes()).first));
    }
    return view.run_rope(node, positions);
  };
  const Touches touches = [attention](const Node& node) {
    return node.op == "rope" || attention.touches(node);
  };
  return {{touches, compute, "", "", 0, Parts::none}};
}

// Where each token's key was written, and what a later read finds there: the last token written to a slot.
using SlotOf = std::function<int64_t(int64_t token, Passes passes)>;

SightOf reads_slots(SlotOf slot, bool holes_are_read) {
  return [slot = std::move(slot), holes_are_read](int64_t t, Passes passes, const AttentionShape&) {
    std::vector<int64_t> cache(static_cast<size_t>(t) + 1, SeenKey::kZeros);
    for (int64_t token = 0; token <= t; ++token) {
      const int64_t place = slot(token, passes);
      if (place >= 0 && place <= t) cache[static_cast<size_t>(place)] = token;
    }
    Sight sight;
    for (int64_t l = 0; l <= t; ++l) {
      const int64_t row = cache[static_cast<size_t>(l)];
      if (row != SeenKey::kZeros || holes_are_read) sight.keys.push_back({l, row});
    }
    return sight;
  };
}

std::vector<Variant> overwritten(const Suspect& suspect) {
  if (!decodes(suspect)) return {};
  struct Way {
    std::string_view what;
    SlotOf slot;
  };
  const std::vector<Way> ways = {
      {"the offset counts calls, not tokens",
       [](int64_t t, Passes passes) {
         return t < prompt_length(passes) ? t : place_in_passes(t, passes).index;
       }},
      {"every step writes row 0", [](int64_t t, Passes passes) { return t < prompt_length(passes) ? t : 0; }},
      {"each step overwrites the row before its own",
       [](int64_t t, Passes passes) { return t < prompt_length(passes) ? t : t - 1; }},
      {"every step writes the row after the prompt",
       [](int64_t t, Passes passes) { return std::min(t, prompt_length(passes)); }},
      {"one row is left out between prompt and decode",
       [](int64_t t, Passes passes) { return t < prompt_length(passes) ? t : t + 1; }},
  };
  std::vector<Variant> variants;
  for (const Way& way : ways) {
    // After one step a row that is left out looks like one that is not stored: cache-newest-row.
    if (&way == &ways.back() && suspect.view->passes().size() < 3) continue;
    variants.push_back(
        later(fmt::format("{}; rows that nobody wrote are zeros", way.what), reads_slots(way.slot, true)));
    variants.push_back(later(fmt::format("{}; rows that nobody wrote are not read", way.what),
                             reads_slots(way.slot, false)));
  }
  return variants;
}

std::vector<Variant> not_stored(const Suspect& suspect) {
  if (!decodes(suspect)) return {};
  return {later("a decode step does not see itself",
                [](int64_t t, Passes, const AttentionShape&) { return sight_of_range(0, t); }),
          later("a decode step's own row is still zeros when it is read",
                [](int64_t t, Passes, const AttentionShape&) {
                  Sight s = sight_of_range(0, t);
                  s.keys.push_back({t, SeenKey::kZeros});
                  return s;
                }),
          later("a decode step sees the prompt and itself, no step between",
                [](int64_t t, Passes passes, const AttentionShape&) {
                  Sight s = sight_of_range(0, prompt_length(passes));
                  s.keys.push_back({t, t});
                  return s;
                }),
          later("a decode step sees the last token of the prompt twice, and not itself",
                [](int64_t t, Passes, const AttentionShape&) {
                  Sight s = sight_of_range(0, t);
                  s.keys.push_back({t, t - 1});
                  return s;
                })};
}

// n zero keys after token t's own, from the denominator: with S = sum e^(s - m), seen / right = S / (S + n
// e^-m).
std::optional<double> fitted_zero_keys(const Suspect& suspect) {
  if (suspect.node->op != "softmax" && suspect.node->op != "attention_mix") return std::nullopt;
  const Node* node = suspect.view->graph().find({Point::attn_scores, suspect.node->at.il});
  if (node == nullptr || suspect.rows.empty()) return std::nullopt;
  const auto scores = suspect.view->value(node->at);
  if (!scores.ok()) return std::nullopt;
  const auto pairs = seen_and_right(suspect);
  const size_t n = suspect.view->tokens().size();
  const auto heads = static_cast<size_t>(node->row[0]);
  const size_t per_head = static_cast<size_t>(suspect.seen->values.size()) / suspect.rows.size() / heads;
  const auto t = static_cast<size_t>(suspect.rows.back());
  double both = 0;
  double squares = 0;
  for (const SeenPair& p : pairs) {  // head 0 of the last seen row
    if (static_cast<size_t>(p.token) != t || static_cast<size_t>(p.element) >= per_head) continue;
    both += p.seen * p.right;
    squares += p.right * p.right;
  }
  const double share = both / squares;
  if (!(share > 0 && share < 1)) return std::nullopt;
  double sum = 0;
  for (size_t l = 0; l <= t; ++l) sum += std::exp(double{(*scores)[t * heads * n + l]});
  return (1 / share - 1) * sum;
}

// The whole cache of `rows` rows is read, those that nobody wrote as zeros.
Variant whole_cache(double rows, std::string detail, int fitted) {
  Variant v = attention_variant({.sight =
                                     [rows](int64_t t, Passes, const AttentionShape&) {
                                       Sight s = causal_sight(t);
                                       s.zero_keys = std::max(0.0, rows - static_cast<double>(t + 1));
                                       return s;
                                     },
                                 .head = {},
                                 .other = {}},
                                std::move(detail));
  v.fitted = fitted;
  return v;
}

std::vector<Variant> zero_rows(const Suspect& suspect) {
  std::vector<Variant> variants;
  if (suspect.segment.size() <= 3 && suspect.seen != nullptr) {
    if (const auto extra = fitted_zero_keys(suspect)) {
      const double rows = std::round(*extra + static_cast<double>(suspect.rows.back() + 1));
      const bool whole = std::abs(*extra + static_cast<double>(suspect.rows.back() + 1) - rows) < 0.02 * rows;
      if (whole && rows > static_cast<double>(suspect.rows.back() + 1)) {
        variants.push_back(whole_cache(rows, fmt::format("{} rows are read, most of them zeros", rows), 1));
      }
    }
  }
  for (const double rows : {2048.0, 512.0, 4096.0, 1024.0, 128.0, 256.0, 8192.0}) {
    variants.push_back(whole_cache(rows, fmt::format("all {} rows of the cache are read", rows), 0));
  }
  variants.push_back(
      attention_variant({.sight =
                             [](int64_t t, Passes, const AttentionShape&) {
                               Sight s = causal_sight(t);
                               s.zero_keys = 1;
                               return s;
                             },
                         .head = {},
                         .other = {}},
                        "one row too many is read, of zeros (or 1 is added to the softmax's denominator)"));
  return variants;
}

// Keys and values of a layer as the run has them, or null.
std::shared_ptr<const OtherCache> cache_of(const Suspect& suspect, int layer) {
  const auto keys = suspect.view->value({Point::attn_k_cache, layer});
  if (!keys.ok()) return nullptr;
  auto cache = std::make_shared<OtherCache>();
  cache->keys.assign(keys->begin(), keys->end());
  const auto values = suspect.view->value({Point::attn_v_cache, layer});
  if (!values.ok()) return nullptr;
  cache->values.assign(values->begin(), values->end());
  return cache;
}

// All layers write the same rows: a pass finds there what the last layer left in the passes before, and its
// own keys, which its layer has just written.
std::vector<Variant> shared(const Suspect& suspect) {
  if (!decodes(suspect)) return {};
  const bool attention = std::any_of(suspect.segment.begin(), suspect.segment.end(), [](const Node* node) {
    return node->op == "attention_scores" || node->op == "attention_mix";
  });
  const int layers = suspect.view->graph().n_layer();
  if (!attention || layers < 2) return {};
  const auto variant = [](std::shared_ptr<const OtherCache> cache, std::string detail) {
    return attention_variant({.sight =
                                  [](int64_t t, Passes passes, const AttentionShape&) {
                                    Sight s = causal_sight(t);
                                    const int64_t own = place_in_passes(t, passes).first;
                                    for (SeenKey& key : s.keys) key.other = key.row < own;
                                    return s;
                                  },
                              .head = {},
                              .other = std::move(cache)},
                             std::move(detail));
  };
  std::vector<Variant> variants;
  // Held here, because under the change this layer would wait for the last one, and the last one for this.
  if (auto cache = cache_of(suspect, layers - 1)) {
    variants.push_back(variant(std::move(cache), "earlier rows are those of the last layer"));
  }
  if (auto cache = cache_of(suspect, 0)) {
    variants.push_back(variant(std::move(cache), "earlier rows are those of layer 0"));
  }
  return variants;
}

// Every layer reads a fixed one's cache, in all passes.
std::vector<Variant> wrong_layer(const Suspect&) {
  const auto reading = [](std::function<int(int il)> from) {
    return edited([from = std::move(from)](Node& node, ReplayView& view) -> Status {
      const int il = from(node.at.il);
      const Node* cache = node.inputs.size() == 2 ? view.graph().find({node.inputs[1].point, il}) : nullptr;
      if (cache == nullptr) return no_sense(node, "there is no such cache");
      node.inputs[1].il = il;
      return {};
    });
  };
  const Touches behind_the_first = [](const Node& node) {
    return node.at.il > 0 && (node.op == "attention_scores" || node.op == "attention_mix");
  };
  return {{behind_the_first, reading([](int) { return 0; }), "every layer reads layer 0's", ""},
          {behind_the_first, reading([](int il) { return il - 1; }), "every layer reads the one below", ""}};
}

}  // namespace

std::vector<OpBug> kv_cache_bugs() {
  constexpr std::string_view kStep =
      "Dump one decode step after a prompt of several tokens: scores, softmax and mix of layer 0.";
  return {
      {{.id = "decode-without-cache",
        .title = "Decode sees the newest token alone",
        .cause =
            "A decode step's attention has no key but its own: the engine passes one token, and no cache "
            "holds the others.",
        .fix = "Keep K and V of every token, or pass the whole sequence in each step.",
        .rank = 9,
        .next_measurement = kStep},
       without_cache},
      {{.id = "decode-stateless",
        .title = "Each decode step is run as a sequence of its own",
        .cause = "The newest token is run alone: at position 0, with its own key alone.",
        .fix =
            "Keep K and V of every token and pass the number of tokens seen as start position, or pass the "
            "whole sequence in each step.",
        .rank = 9,
        .next_measurement = kStep},
       stateless},
      {{.id = "cache-overwritten",
        .title = "A row of the KV cache is overwritten",
        .cause = "Decode writes its key and value where another token's are.",
        .fix = "Write token t's key and value to row t: count rows in tokens, not in calls.",
        .rank = 9,
        .next_measurement = kStep},
       overwritten},
      {{.id = "cache-newest-row",
        .title = "A decode step does not find its own row",
        .cause = "The newest token's key and value are not in the cache when attention reads it.",
        .fix = "Store K and V of the step before its attention, and read (tokens before) + 1 rows.",
        .rank = 9,
        .next_measurement = kStep},
       not_stored},
      {{.id = "cache-shared-layers",
        .title = "All layers share one KV cache",
        .cause = "Each layer overwrites the rows of the one before, so decode finds another layer's keys.",
        .fix = "Give each layer rows of its own: offset = (layer * context + row) * row size.",
        .rank = 9,
        .next_measurement = kStep},
       shared},
      {{.id = "cache-wrong-layer",
        .title = "Attention reads another layer's cache",
        .cause = "The layer index of the cache that is read is not the layer's own.",
        .fix = "Read the cache of the layer that is computed.",
        .rank = 9,
        .next_measurement = "Dump scores and mix of layer 1, with its keys and values."},
       wrong_layer},
      {{.id = "cache-zero-rows",
        .title = "Rows that nobody wrote are attended",
        .cause = "The softmax runs over the whole allocated cache, and each empty row takes a share of "
                 "e^0.",
        .fix = "Let attention read as many rows as there are tokens.",
        .rank = 9,
        .next_measurement = "Dump the softmax: the shares of the tokens sum to less than 1."},
       zero_rows},
  };
}

}  // namespace kilter::analysis
