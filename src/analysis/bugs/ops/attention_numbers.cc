// The numbers of attention: its scale, and caps that this model does not have.
#include <array>
#include <cmath>
#include <numbers>
#include <optional>

#include <fmt/format.h>

#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/seen.h"

namespace kilter::analysis {
namespace {

Touches scores() { return at_points({Point::attn_scores}); }

// Scores with another factor on q . k: right * ratio, from the op itself.
Compute with_scale(std::function<double(double scale, double head, double embd_head)> scale) {
  return edited([scale = std::move(scale)](Node& node, ReplayView& view) -> Status {
    const Node* q = view.graph().find({Point::attn_q_rope, node.at.il});
    const Node* h = view.graph().find({Point::attn_norm, node.at.il});
    if (q == nullptr || h == nullptr || q->row.rank != 2) return no_sense(node, "there are no heads");
    const double embd_head = static_cast<double>(h->row.elements()) / static_cast<double>(q->row[0]);
    node.number = static_cast<float>(scale(double{node.number}, static_cast<double>(q->row[1]), embd_head));
    return {};
  });
}

std::string says(double number) { return fmt::format("the file says {}", short_number(number)); }

const Node* scores_node(const Suspect& suspect) {
  for (const Node* node : suspect.segment) {
    if (node->at.point == Point::attn_scores) return node;
  }
  return nullptr;
}

std::vector<Variant> scales(const Suspect& suspect) {
  const Node* node = scores_node(suspect);
  const Node* q = node == nullptr ? nullptr : suspect.view->graph().find({Point::attn_q_rope, node->at.il});
  const Node* h = node == nullptr ? nullptr : suspect.view->graph().find({Point::attn_norm, node->at.il});
  if (q == nullptr || h == nullptr || q->row.rank != 2) return {};
  const double right = double{node->number};
  const auto head = static_cast<double>(q->row[1]);
  const double embd = static_cast<double>(h->row.elements());
  const double heads = static_cast<double>(q->row[0]);
  std::vector<double> tried{right};
  std::vector<Variant> variants;
  const auto add = [&](double number, std::string_view what, int fitted) {
    for (const double other : tried) {
      if (std::abs(other - number) <= 1e-6 * std::abs(number)) return;
    }
    tried.push_back(number);
    const double ratio = number / right;
    variants.push_back({scores(), with_scale([ratio](double scale, double, double) { return scale * ratio; }),
                        fmt::format("scale {}{} fits, {}", short_number(number), what, says(right)),
                        fmt::format("Multiply q . k with {} once", short_number(right)), fitted});
  };
  add(1, " (none)", 0);
  add(right * right, " (the square: applied twice)", 0);
  add(1 / head, " (1/head width, without the root)", 0);
  add(std::sqrt(heads / embd), " (from n_embd / n_head, not from the head's width)", 0);
  add(1 / std::sqrt(embd), " (from n_embd)", 0);
  add(std::sqrt(head), " (multiplied, not divided)", 0);
  add(right * std::sqrt(2.0), " (root of half the head's width)", 0);
  add(right / std::sqrt(2.0), " (root of twice the head's width)", 0);
  add(right * std::numbers::log2e, " (for a softmax to the base 2)", 0);
  add(right * std::numbers::ln2, " (for a softmax to the base 2, the wrong way)", 0);
  if (suspect.segment.size() != 1) return variants;
  const auto pairs = seen_and_right(suspect);
  if (const auto ratio = fit_factor(pairs)) {
    bool usual = std::abs(*ratio - 1) < 1e-4;
    for (const double other : tried)
      usual = usual || std::abs(other / right - *ratio) <= 1e-4 * std::abs(*ratio);
    if (!usual) add(right * *ratio, "", 1);
  }
  return variants;
}

// Softmax to another base than e: p = softmax(s * ln(base)).
Compute softmax_of(double factor) {
  return [factor](const Node& node, ReplayView& view) -> Result<Numbers> {
    KILTER_ASSIGN(const std::span<const float> s, view.value(node.inputs[0]));
    const size_t n = view.tokens().size();
    Numbers p(s.size());
    for (size_t from = 0; from < s.size(); from += n) {
      double most = -INFINITY;
      double sum = 0;
      for (size_t l = 0; l < n; ++l) most = std::max(most, factor * double{s[from + l]});
      for (size_t l = 0; l < n; ++l) sum += std::exp(factor * double{s[from + l]} - most);
      for (size_t l = 0; l < n; ++l)
        p[from + l] = static_cast<float>(std::exp(factor * double{s[from + l]} - most) / sum);
    }
    return p;
  };
}

Result<Numbers> softmax_of_none(const Node& node, ReplayView& view) {
  KILTER_ASSIGN(const Numbers p, view.run(node));
  KILTER_ASSIGN(const std::span<const float> s, view.value(node.inputs[0]));
  Numbers y(p.size());
  for (size_t i = 0; i < p.size(); ++i) y[i] = std::isfinite(s[i]) ? s[i] : 0;
  return y;
}

// exp without the largest score taken off first, in f32: it overflows above 88.
Result<Numbers> softmax_that_overflows(const Node& node, ReplayView& view) {
  KILTER_ASSIGN(const std::span<const float> s, view.value(node.inputs[0]));
  const size_t n = view.tokens().size();
  Numbers p(s.size());
  for (size_t from = 0; from < s.size(); from += n) {
    float sum = 0;
    for (size_t l = 0; l < n; ++l) sum += p[from + l] = std::exp(s[from + l]);
    for (size_t l = 0; l < n; ++l) p[from + l] /= sum;
  }
  return p;
}

// Over heads instead of keys: sum over h of p[t,h,l] is 1.
Result<Numbers> softmax_over_heads(const Node& node, ReplayView& view) {
  KILTER_ASSIGN(const std::span<const float> s, view.value(node.inputs[0]));
  const size_t n = view.tokens().size();
  const auto heads = static_cast<size_t>(node.row[0]);
  Numbers p(s.size());
  for (size_t t = 0; t < n; ++t) {
    for (size_t l = 0; l <= t; ++l) {
      double sum = 0;
      for (size_t h = 0; h < heads; ++h) sum += std::exp(double{s[(t * heads + h) * n + l]});
      for (size_t h = 0; h < heads; ++h) {
        const size_t i = (t * heads + h) * n + l;
        p[i] = static_cast<float>(std::exp(double{s[i]}) / sum);
      }
    }
  }
  return p;
}

std::vector<Variant> softmaxes(const Suspect&) {
  const Touches softmax = at_points({Point::attn_softmax});
  return {{softmax, softmax_of(std::numbers::ln2), "2^x is used where e^x is meant", ""},
          {softmax, softmax_that_overflows, "the largest score is not taken off, and e^x overflows", ""},
          {softmax, softmax_over_heads, "it runs over the heads, not over the keys", ""},
          {softmax, softmax_of_none, "there is none: scores are used as they are", ""}};
}

std::vector<Variant> soft_caps(const Suspect& suspect) {
  std::vector<Variant> variants;
  const auto add = [&](double cap, int fitted) {
    variants.push_back({scores(),
                        mapped([cap](double s) { return std::isfinite(s) ? cap * std::tanh(s / cap) : s; }),
                        fmt::format("{} * tanh(score / {}) fits; this model has no cap", short_number(cap),
                                    short_number(cap)),
                        "", fitted});
  };
  for (const double cap : {50.0, 30.0, 20.0}) add(cap, 0);
  if (suspect.segment.size() == 1 && suspect.node->at.point == Point::attn_scores) {
    const auto cap = fit_soft_cap(seen_and_right(suspect));
    if (cap) add(*cap, 1);
  }
  return variants;
}

}  // namespace

std::vector<OpBug> attention_number_bugs() {
  return {
      {{.id = "attention-scale",
        .title = "The scale of attention is wrong",
        .cause = "q . k is multiplied with another factor than the model's.",
        .fix = "Multiply q . k with 1/sqrt(head width) once, with the head's real width "
               "(<arch>.attention.key_length).",
        .rank = 15,
        .next_measurement = "Dump the scores before the softmax, at a position >= 1."},
       scales},
      {{.id = "attention-soft-cap",
        .title = "A soft-cap on scores that this model does not have",
        .cause = "The engine bends large scores with cap * tanh(score / cap).",
        .fix = "Cap scores only where the file has <arch>.attn_logit_softcapping.",
        .rank = 23,
        .next_measurement = "Dump the scores before the softmax: only large ones change."},
       soft_caps},
      {{.id = "softmax",
        .title = "The softmax of attention is another function",
        .cause = "What the engine makes of the scores is not e^x over its sum along the keys.",
        .fix = "Take off the largest score of the row, then e^x, then divide by the sum over the row's keys.",
        .rank = 28,
        .next_measurement = "Dump scores and softmax of one head: each row must sum to 1."},
       softmaxes},
  };
}

}  // namespace kilter::analysis
