// Constant factors that some models have and this one does not.
#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/seen.h"

namespace kilter::analysis {
namespace {

struct Known {
  double factor = 1;
  std::string why;
};

Compute times(double factor) {
  return mapped([factor](double y) { return factor * y; });
}

bool close(double a, double b) { return std::abs(a - b) <= 1e-4 * std::abs(b); }

// Trials for the known factors, and for the one that the dump shows when it is none of them.
std::vector<Variant> of_factors(const Touches& touches, std::span<const Known> known,
                                std::optional<double> seen, const std::function<Compute(double)>& compute) {
  std::vector<Variant> variants;
  bool usual = seen && close(*seen, 1);
  for (const Known& k : known) {
    if (close(k.factor, 1)) continue;
    usual = usual || (seen && close(*seen, k.factor));
    variants.push_back(
        {touches, compute(k.factor), fmt::format("factor {} fits: {}", short_number(k.factor), k.why), ""});
  }
  if (seen && !usual) {
    variants.push_back({touches, compute(*seen), fmt::format("factor {} fits", short_number(*seen)), "", 1});
  }
  return variants;
}

double width_of(const Suspect& suspect) {
  const Node* embd = suspect.view->graph().find(at(Point::token_embd));
  return embd == nullptr ? 1 : static_cast<double>(embd->row.elements());
}

bool alone(const Suspect& suspect, std::initializer_list<Point> points) {
  if (suspect.segment.size() != 1) return false;
  return std::find(points.begin(), points.end(), suspect.node->at.point) != points.end();
}

std::vector<Variant> embedding(const Suspect& suspect) {
  const double root = std::sqrt(width_of(suspect));
  const std::vector<Known> known = {{root, "sqrt(n_embd), as Gemma has it"},
                                    {1 / root, "1/sqrt(n_embd)"},
                                    {12, "the embedding multiplier of Granite and MiniCPM"},
                                    {0.5, "half"},
                                    {2, "twice"}};
  const auto seen = alone(suspect, {Point::token_embd}) ? fit_factor(seen_and_right(suspect)) : std::nullopt;
  return of_factors(at_points({Point::token_embd}), known, seen, times);
}

// x + factor * out
Compute branch_times(double factor) {
  return [factor](const Node& node, ReplayView& view) -> Result<Numbers> {
    if (node.inputs.size() != 2) return no_sense(node, "it adds nothing");
    KILTER_ASSIGN(const std::span<const float> x, view.value(node.inputs[0]));
    KILTER_ASSIGN(const std::span<const float> out, view.value(node.inputs[1]));
    if (x.size() != out.size()) return no_sense(node, "the two have different shapes");
    Numbers y(x.size());
    for (size_t i = 0; i < y.size(); ++i) y[i] = static_cast<float>(double{x[i]} + factor * double{out[i]});
    return y;
  };
}

// factor of seen - x = factor * out
std::optional<double> seen_branch_factor(const Suspect& suspect) {
  if (!alone(suspect, {Point::attn_residual, Point::ffn_residual}) || suspect.node->inputs.size() != 2) {
    return std::nullopt;
  }
  const auto x = suspect.view->value(suspect.node->inputs[0]);
  const auto out = suspect.view->value(suspect.node->inputs[1]);
  if (!x.ok() || !out.ok()) return std::nullopt;
  std::vector<SeenPair> pairs = pair_up(suspect, *out);
  const std::vector<SeenPair> before = pair_up(suspect, *x);
  if (pairs.size() != before.size()) return std::nullopt;
  for (size_t i = 0; i < pairs.size(); ++i) pairs[i].seen -= before[i].right;
  return fit_factor(pairs);
}

std::vector<Variant> residual(const Suspect& suspect) {
  auto seen = seen_branch_factor(suspect);
  for (const double named : {0.0, 2.0, -1.0}) {  // residual-missing and residual-twice
    if (seen && std::abs(*seen - named) < 1e-4) seen.reset();
  }
  const double layers = suspect.view->graph().n_layer();
  const std::vector<Known> known = {{0.22, "Granite's residual multiplier"},
                                    {1.4 / std::sqrt(layers), "MiniCPM's 1.4/sqrt(layers)"},
                                    {std::sqrt(0.5), "1/sqrt(2)"},
                                    {0.5, "half"},
                                    {1 / std::sqrt(2 * layers), "1/sqrt(2 layers)"}};
  return of_factors(at_points({Point::attn_residual, Point::ffn_residual}), known, seen, branch_times);
}

std::vector<Variant> logits(const Suspect& suspect) {
  const double width = width_of(suspect);
  const std::vector<Known> known = {{1 / std::sqrt(width), "1/sqrt(n_embd)"},
                                    {0.125, "1/8, as Granite divides"},
                                    {0.0625, "1/16, as Cohere and Granite divide"},
                                    {1 / 0.7, "a temperature of 0.7"},
                                    {1 / 0.8, "a temperature of 0.8"},
                                    {256 / width, "256/n_embd, as MiniCPM has it"},
                                    {std::sqrt(width), "sqrt(n_embd)"},
                                    {0.5, "half"},
                                    {2, "twice"}};
  const auto seen =
      alone(suspect, {Point::logits, Point::output}) ? fit_factor(seen_and_right(suspect)) : std::nullopt;
  return of_factors(at_points({Point::logits}), known, seen, times);
}

// Any other value with one factor on it. Where only one vector of a norm is seen, every fault of its divisor
// looks so.
std::vector<Variant> anything(const Suspect& suspect) {
  const Point point = suspect.node->at.point;
  const bool elsewhere = point == Point::token_embd || point == Point::logits ||
                         point == Point::attn_scores || suspect.node->op == "rmsnorm" ||
                         suspect.node->op == "add" ||
                         (suspect.node->rope != nullptr && suspect.node->rope->magnitude != 1);
  if (suspect.segment.size() != 1 || elsewhere) return {};
  const auto seen = fit_factor(seen_and_right(suspect));
  if (!seen || close(*seen, 1)) return {};
  const std::vector<Known> known = {{-1, "the sign"}};
  std::vector<Variant> variants = of_factors(at_points({point}), known, seen, times);
  if (!close(*seen, -1)) variants.erase(variants.begin());
  return variants;
}

}  // namespace

std::vector<OpBug> multiplier_bugs() {
  return {
      {{.id = "embedding-multiplier",
        .title = "The embeddings are scaled",
        .cause = "The engine multiplies the embedding rows with a constant that this model does not have.",
        .fix = "Use the rows of token_embd.weight as they are; scale them only where the file has "
               "<arch>.embedding_scale or the architecture says so.",
        .rank = 15,
        .next_measurement = "Dump the embedding of one token."},
       embedding},
      {{.id = "residual-multiplier",
        .title = "The branches are scaled before they are added",
        .cause =
            "The engine multiplies attention's and feed-forward's output with a constant that this model "
            "does not have.",
        .fix = "Add the branches as they are; scale them only where the file has <arch>.residual_scale.",
        .rank = 15,
        .next_measurement = "Dump the stream before and after a residual sum, and what is added."},
       residual},
      {{.id = "logit-multiplier",
        .title = "The logits are scaled",
        .cause =
            "The engine multiplies the logits with a constant that this model does not have, or dumps them "
            "after the temperature.",
        .fix = "Dump logits before temperature and penalties; scale them only where the file has "
               "<arch>.logit_scale.",
        .rank = 15,
        .next_measurement = "Dump the final norm and the logits of one token."},
       logits},
      {{.id = "constant-factor",
        .title = "A value is a constant multiple of what it should be",
        .cause = "One factor too many or too few is in this operation.",
        .fix = "Look for a scale that is applied twice, or not at all, where this value is made.",
        .rank = 33,
        .next_measurement = ""},
       anything},
  };
}

}  // namespace kilter::analysis
