// Which head reads what.
#include <algorithm>

#include <fmt/format.h>

#include "analysis/bugs/ops/attention_variants.h"
#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/seen.h"

namespace kilter::analysis {
namespace {

Variant reads(std::string detail, HeadOf head) {
  return attention_variant({.sight = {}, .head = std::move(head), .other = {}}, std::move(detail));
}

// Whether query heads share keys in this model.
bool grouped(const Suspect& suspect) {
  const auto& nodes = suspect.view->graph().nodes();
  return std::any_of(nodes.begin(), nodes.end(), [&](const Node& q) {
    const Node* k = suspect.view->graph().find({Point::attn_k_cache, q.at.il});
    return q.at.point == Point::attn_q_rope && k != nullptr && k->row[0] != q.row[0];
  });
}

std::vector<Variant> head_maps(const Suspect& suspect) {
  if (!grouped(suspect)) return {};
  return {reads("query head h reads kv head h mod n_kv; it should read h / (n_head / n_kv)",
                [](int64_t h, const AttentionShape& s) { return h % s.heads_kv; }),
          reads("the kv heads are taken in reverse order", [](int64_t h, const AttentionShape& s) {
            return s.heads_kv - 1 - h / std::max(int64_t{1}, s.heads / s.heads_kv);
          })};
}

// Rows as if each had n_head heads: row t begins at t * H heads, not t * K.
Variant strided_as_heads() {
  const SightOf stretched = [](int64_t t, std::span<const int64_t>, const AttentionShape& s) {
    Sight sight;
    const int64_t factor = std::max(int64_t{1}, s.heads / std::max(int64_t{1}, s.heads_kv));
    for (int64_t l = 0; l <= t; ++l) {
      sight.keys.push_back({l, l * factor < s.tokens ? l * factor : SeenKey::kZeros});
    }
    return sight;
  };
  return attention_variant({.sight = stretched, .head = [](int64_t h, const AttentionShape&) { return h; }},
                           "the rows of the cache are strided by n_head heads, not by n_kv");
}

std::vector<Variant> kv_counts(const Suspect& suspect) {
  if (!grouped(suspect)) return {};
  return {
      reads("every query head has a kv head of its own: head h reads on into the next tokens' rows",
            [](int64_t h, const AttentionShape&) { return h; }),
      reads("every query head has a kv head of its own; heads that do not exist read the last",
            [](int64_t h, const AttentionShape& s) { return std::min(h, s.heads_kv - 1); }),
      reads("every query head reads kv head 0", [](int64_t, const AttentionShape&) { return int64_t{0}; }),
      reads("every query head has a kv head of its own; heads that do not exist are zeros",
            [](int64_t h, const AttentionShape& s) { return h < s.heads_kv ? h : int64_t{-1}; }),
      strided_as_heads()};
}

// Reads another cache than its own: the two have the same shape, or it makes no sense.
Compute with_cache(Point other) {
  return edited([other](Node& node, ReplayView& view) -> Status {
    const Node* mine = node.inputs.size() == 2 ? view.graph().find(node.inputs[1]) : nullptr;
    const Node* wanted = view.graph().find({other, node.at.il});
    if (mine == nullptr || wanted == nullptr || !(mine->row == wanted->row)) {
      return no_sense(node, "keys and values have different shapes");
    }
    node.inputs[1] = {other, node.at.il};
    return {};
  });
}

std::vector<Variant> swapped_caches(const Suspect&) {
  const Compute both = [](const Node& node, ReplayView& view) -> Result<Numbers> {
    const bool scores = node.at.point == Point::attn_scores;
    return with_cache(scores ? Point::attn_v_cache : Point::attn_k_cache)(node, view);
  };
  return {{at_points({Point::attn_mix}), with_cache(Point::attn_k_cache),
           "the keys are mixed, not the values", ""},
          {at_points({Point::attn_scores}), with_cache(Point::attn_v_cache),
           "queries are compared with values, not keys", ""},
          {at_points({Point::attn_scores, Point::attn_mix}), both, "keys and values are swapped", "", 0,
           Parts::none}};
}

// Heads of each row in another order.   from(h): the head that lands at place h
using HeadOrder = std::function<int64_t(int64_t place, int64_t heads, int64_t heads_kv)>;

Result<Numbers> reordered(const Node& node, ReplayView& view, std::span<const float> x,
                          const HeadOrder& order) {
  const Node* keys = view.graph().find({Point::attn_k_cache, node.at.il});
  const Node* mix = view.graph().find({Point::attn_mix, node.at.il});
  if (keys == nullptr || mix == nullptr || mix->row.rank != 2) return no_sense(node, "there are no heads");
  const int64_t heads = mix->row[0];
  const auto width = static_cast<size_t>(mix->row[1]);
  const size_t row = static_cast<size_t>(heads) * width;
  Numbers y(x.size());
  for (size_t from = 0; from + row <= x.size(); from += row) {
    for (int64_t h = 0; h < heads; ++h) {
      const auto source = from + static_cast<size_t>(order(h, heads, keys->row[0])) * width;
      std::copy_n(x.begin() + static_cast<std::ptrdiff_t>(source), width,
                  y.begin() + static_cast<std::ptrdiff_t>(from + static_cast<size_t>(h) * width));
    }
  }
  return y;
}

// Head kv * G + g stands at place g * K + kv.
int64_t group_first(int64_t place, int64_t heads, int64_t heads_kv) {
  const int64_t group = heads / heads_kv;
  return place % heads_kv * group + place / heads_kv;
}

int64_t kv_first(int64_t place, int64_t heads, int64_t heads_kv) {
  const int64_t group = heads / heads_kv;
  return place % group * heads_kv + place / group;
}

Compute mix_in_order(HeadOrder order) {
  return [order = std::move(order)](const Node& node, ReplayView& view) -> Result<Numbers> {
    KILTER_ASSIGN(const Numbers mix, view.run(node));
    return reordered(node, view, mix, order);
  };
}

Compute output_of_order(HeadOrder order) {
  return [order = std::move(order)](const Node& node, ReplayView& view) -> Result<Numbers> {
    if (node.weight == nullptr) return no_sense(node, "there is no weight");
    KILTER_ASSIGN(const std::span<const float> mix, view.value(node.inputs[0]));
    KILTER_ASSIGN(const Numbers wrong, reordered(node, view, mix, order));
    return product(wrong, *node.weight);
  };
}

// Elements of a row transposed: [heads, width] written as [width, heads].
Result<Numbers> output_of_transposed(const Node& node, ReplayView& view) {
  const Node* mix = view.graph().find({Point::attn_mix, node.at.il});
  if (node.weight == nullptr || mix == nullptr || mix->row.rank != 2)
    return no_sense(node, "there are no heads");
  KILTER_ASSIGN(const std::span<const float> x, view.value(node.inputs[0]));
  const auto heads = static_cast<size_t>(mix->row[0]);
  const auto width = static_cast<size_t>(mix->row[1]);
  Numbers y(x.size());
  for (size_t e = 0; e < x.size(); ++e) {
    const size_t row = e / (heads * width);
    const size_t place = e % (heads * width);
    y[row * heads * width + place % width * heads + place / width] = x[e];
  }
  return product(y, *node.weight);
}

// [T, H, width] used as if it were [H, T, width]: the transpose back to token rows was forgotten.
Result<Numbers> output_of_untransposed(const Node& node, ReplayView& view) {
  const Node* mix = view.graph().find({Point::attn_mix, node.at.il});
  if (node.weight == nullptr || mix == nullptr || mix->row.rank != 2)
    return no_sense(node, "there are no heads");
  KILTER_ASSIGN(const std::span<const float> x, view.value(node.inputs[0]));
  const auto heads = static_cast<size_t>(mix->row[0]);
  const auto width = static_cast<size_t>(mix->row[1]);
  const size_t tokens = x.size() / (heads * width);
  Numbers y(x.size());
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t h = 0; h < heads; ++h) {
      std::copy_n(x.begin() + static_cast<std::ptrdiff_t>((t * heads + h) * width), width,
                  y.begin() + static_cast<std::ptrdiff_t>((h * tokens + t) * width));
    }
  }
  return product(y, *node.weight);
}

std::vector<Variant> head_orders(const Suspect& suspect) {
  const Touches output = at_points({Point::attn_output});
  std::vector<Variant> variants;
  if (grouped(suspect)) {
    variants = {
        {at_points({Point::attn_mix}), mix_in_order(group_first), "(group, kv) instead of (kv, group)", ""},
        {output, output_of_order(group_first), "(group, kv) instead of (kv, group)", ""},
        {at_points({Point::attn_mix}), mix_in_order(kv_first), "heads dealt out in turn", ""},
        {output, output_of_order(kv_first), "heads dealt out in turn", ""}};
  }
  const HeadOrder reversed = [](int64_t place, int64_t heads, int64_t) { return heads - 1 - place; };
  variants.push_back({at_points({Point::attn_mix}), mix_in_order(reversed), "in reverse order", ""});
  variants.push_back(
      {output, output_of_transposed, "element by element: [width, head] instead of [head, width]", ""});
  variants.push_back({output, output_of_untransposed,
                      "[head, token] was not turned into [token, head] before the output projection", ""});
  return variants;
}

}  // namespace

std::vector<OpBug> attention_bugs() {
  return {
      {{.id = "gqa-map",
        .title = "Query heads read the wrong kv heads",
        .cause = "The engine's map from query heads to kv heads is not h / (n_head / n_kv).",
        .fix =
            "Let query head h read kv head h / (n_head / n_kv), with integer division: repeat each kv head, "
            "do not tile.",
        .rank = 17,
        .next_measurement = "Dump the scores of all heads: head 0 and the last are right with either map."},
       head_maps},
      {{.id = "gqa-kv-heads",
        .title = "The number of kv heads is taken as n_head",
        .cause = "The engine addresses keys and values as if there were one for each query head.",
        .fix = "Read <arch>.attention.head_count_kv and stride the cache by n_kv * head width.",
        .rank = 17,
        .next_measurement = "Dump the scores of all heads for a prompt of three tokens."},
       kv_counts},
      {{.id = "kv-swapped",
        .title = "Keys and values are mixed up",
        .cause = "Attention reads the key cache where it wants values, or the other way round.",
        .fix = "Compare queries with keys; mix values.",
        .rank = 9,
        .next_measurement = "Dump scores and mix of layer 0."},
       swapped_caches},
      {{.id = "head-order",
        .title = "The heads' outputs are joined in the wrong order",
        .cause = "The output projection is given the heads in another order than the weights expect.",
        .fix =
            "Lay the heads of a token side by side in the order of the query heads: [token][head][element].",
        .rank = 14,
        .next_measurement = "Dump the attention's output before the output projection, all heads."},
       head_orders},
  };
}

}  // namespace kilter::analysis
