#include "analysis/bugs/ops/attention_variants.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kilter::analysis {
namespace {

constexpr float kHidden = -std::numeric_limits<float>::infinity();

// What all three computations look at.
struct Layout {
  AttentionShape shape;
  const Node* scores = nullptr;
  const Node* mix = nullptr;
  size_t width_k = 0;
  size_t width_v = 0;
};

Result<Layout> layout_of(const Node& node, ReplayView& view) {
  Layout l;
  l.scores = view.graph().find({Point::attn_scores, node.at.il});
  l.mix = view.graph().find({Point::attn_mix, node.at.il});
  const Node* keys = view.graph().find({Point::attn_k_cache, node.at.il});
  const Node* values = view.graph().find({Point::attn_v_cache, node.at.il});
  const bool whole = l.scores != nullptr && l.mix != nullptr && keys != nullptr && values != nullptr &&
                     l.scores->inputs.size() == 2 && l.mix->inputs.size() == 2 && keys->row.rank == 2 &&
                     values->row.rank == 2;
  if (!whole) return no_sense(node, "this layer has no attention as this catalogue knows it");
  l.shape = {static_cast<int64_t>(view.tokens().size()), l.scores->row[0], keys->row[0]};
  l.width_k = static_cast<size_t>(keys->row[1]);
  l.width_v = static_cast<size_t>(values->row[1]);
  return l;
}

int64_t right_head(int64_t head, const AttentionShape& s) {
  return s.heads_kv == 0 ? 0 : head / std::max(int64_t{1}, s.heads / s.heads_kv);
}

Sight sight(const AttentionVariant& how, int64_t t, std::span<const int64_t> passes,
            const AttentionShape& s) {
  return how.sight ? how.sight(t, passes, s) : causal_sight(t);
}

int64_t head_of(const AttentionVariant& how, int64_t head, const AttentionShape& s) {
  return how.head ? how.head(head, s) : right_head(head, s);
}

// The vector of a head in a cache of [T, K, width], or empty for one of zeros.
std::span<const float> cached(std::span<const float> cache, int64_t row, int64_t head, size_t width,
                              int64_t heads_kv) {
  if (row < 0 || head < 0) return {};
  const size_t from = static_cast<size_t>(row * heads_kv + head) * width;
  if (from + width > cache.size()) return {};
  return cache.subspan(from, width);
}

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < b.size(); ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

bool in_range(const SeenKey& key, const AttentionShape& s) {
  return key.slot >= 0 && key.slot < s.tokens && key.row < s.tokens;
}

}  // namespace

Sight sight_of_range(int64_t first, int64_t end) {
  Sight s;
  for (int64_t l = first; l < end; ++l) s.keys.push_back({l, l});
  return s;
}

Sight causal_sight(int64_t token) { return sight_of_range(0, token + 1); }

Compute scores_with(AttentionVariant how) {
  return [how = std::move(how)](const Node& node, ReplayView& view) -> Result<Numbers> {
    KILTER_ASSIGN(const Layout l, layout_of(node, view));
    KILTER_ASSIGN(const std::span<const float> q, view.value(l.scores->inputs[0]));
    KILTER_ASSIGN(const std::span<const float> k, view.value(l.scores->inputs[1]));
    const std::span<const float> other_k = how.other ? how.other->keys : std::span<const float>{};
    const AttentionShape& s = l.shape;
    Numbers y(static_cast<size_t>(s.tokens * s.heads * s.tokens), kHidden);
    for (int64_t t = 0; t < s.tokens; ++t) {
      const Sight seen = sight(how, t, view.passes(), s);
      for (int64_t h = 0; h < s.heads; ++h) {
        const auto query = q.subspan(static_cast<size_t>(t * s.heads + h) * l.width_k, l.width_k);
        for (const SeenKey& key : seen.keys) {
          if (!in_range(key, s)) continue;
          const auto vector =
              cached(key.other ? other_k : k, key.row, head_of(how, h, s), l.width_k, s.heads_kv);
          y[static_cast<size_t>((t * s.heads + h) * s.tokens + key.slot)] =
              static_cast<float>(double{l.scores->number} * dot(query, vector));
        }
      }
    }
    return y;
  };
}

Compute softmax_with(AttentionVariant how) {
  return [how = std::move(how)](const Node& node, ReplayView& view) -> Result<Numbers> {
    KILTER_ASSIGN(const Layout l, layout_of(node, view));
    KILTER_ASSIGN(const std::span<const float> given, view.value(l.scores->at));
    // Scores of the dump end at a row's own position, whatever the engine kept behind it.
    KILTER_ASSIGN(Numbers scores, scores_with(how)(*l.scores, view));
    if (scores.size() != given.size()) return Error{ErrorCode::usage, "", "the scores have another size", ""};
    for (size_t i = 0; i < given.size(); ++i) {
      if (std::isfinite(given[i])) scores[i] = given[i];
    }
    const AttentionShape& s = l.shape;
    const auto slots = static_cast<size_t>(s.tokens);
    Numbers y(scores.size());
    for (size_t from = 0; from < scores.size(); from += slots) {
      const auto row = std::span<const float>(scores).subspan(from, slots);
      const auto t = static_cast<int64_t>(from / slots) / s.heads;
      const double zeros = sight(how, t, view.passes(), s).zero_keys;
      double most = double{*std::max_element(row.begin(), row.end())};
      if (zeros > 0) most = std::max(most, 0.0);
      double sum = zeros > 0 ? zeros * std::exp(-most) : 0;
      for (const float score : row) sum += std::exp(double{score} - most);
      for (size_t i = 0; i < slots; ++i)
        y[from + i] = static_cast<float>(std::exp(double{row[i]} - most) / sum);
    }
    return y;
  };
}

Compute mix_with(AttentionVariant how) {
  return [how = std::move(how)](const Node& node, ReplayView& view) -> Result<Numbers> {
    KILTER_ASSIGN(const Layout l, layout_of(node, view));
    KILTER_ASSIGN(const std::span<const float> p, view.value(l.mix->inputs[0]));
    KILTER_ASSIGN(const std::span<const float> v, view.value(l.mix->inputs[1]));
    const std::span<const float> other_v = how.other ? how.other->values : std::span<const float>{};
    const AttentionShape& s = l.shape;
    Numbers y(static_cast<size_t>(s.tokens * s.heads) * l.width_v);
    std::vector<double> sum(l.width_v);
    for (int64_t t = 0; t < s.tokens; ++t) {
      const Sight seen = sight(how, t, view.passes(), s);
      for (int64_t h = 0; h < s.heads; ++h) {
        std::fill(sum.begin(), sum.end(), 0.0);
        for (const SeenKey& key : seen.keys) {
          if (!in_range(key, s)) continue;
          const auto vector =
              cached(key.other ? other_v : v, key.row, head_of(how, h, s), l.width_v, s.heads_kv);
          const double share = double{p[static_cast<size_t>((t * s.heads + h) * s.tokens + key.slot)]};
          for (size_t i = 0; i < vector.size(); ++i) sum[i] += share * double{vector[i]};
        }
        std::transform(
            sum.begin(), sum.end(),
            y.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(t * s.heads + h) * l.width_v),
            [](double value) { return static_cast<float>(value); });
      }
    }
    return y;
  };
}

Variant attention_variant(AttentionVariant how, std::string detail) {
  const Compute compute = [scores = scores_with(how), softmax = softmax_with(how), mix = mix_with(how)](
                              const Node& node, ReplayView& view) -> Result<Numbers> {
    if (node.op == "attention_scores") return scores(node, view);
    return node.op == "softmax" ? softmax(node, view) : mix(node, view);
  };
  return {.touches = of_ops({"attention_scores", "softmax", "attention_mix"}),
          .compute = compute,
          .detail = std::move(detail),
          .fix = "",
          .parts = Parts::layer};
}

}  // namespace kilter::analysis
