// Where norms stand, what the residual stream adds, and which layers are run.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/seen.h"

namespace kilter::analysis {
namespace {

Touches sums() { return at_points({Point::attn_residual, Point::ffn_residual}); }

// factor_x * x + factor_out * out
Compute weighted_sum(double factor_x, double factor_out) {
  return [=](const Node& node, ReplayView& view) -> Result<Numbers> {
    if (node.inputs.size() != 2) return no_sense(node, "it adds nothing");
    KILTER_ASSIGN(const std::span<const float> x, view.value(node.inputs[0]));
    KILTER_ASSIGN(const std::span<const float> out, view.value(node.inputs[1]));
    if (x.size() != out.size()) return no_sense(node, "the two have different shapes");
    Numbers y(x.size());
    for (size_t i = 0; i < y.size(); ++i) {
      y[i] = static_cast<float>(factor_x * double{x[i]} + factor_out * double{out[i]});
    }
    return y;
  };
}

std::vector<Variant> missing(const Suspect&) {
  return {{sums(), weighted_sum(0, 1), "the sum is the branch alone", ""},
          {sums(), weighted_sum(1, 0), "the branch is not added", ""},
          {sums(), weighted_sum(1, -1), "the branch is taken off, not added", ""}};
}

std::vector<Variant> twice(const Suspect&) {
  return {{sums(), weighted_sum(2, 1), "the residual is added twice", ""},
          {sums(), weighted_sum(1, 2), "the branch is added twice", ""}};
}

Point norm_of(Point sum) { return sum == Point::attn_residual ? Point::attn_norm : Point::ffn_norm; }

// The value that a layer begins with.
Result<At> layer_input(const Node& node, ReplayView& view, int il) {
  const Node* sum = view.graph().find({Point::attn_residual, il});
  if (sum == nullptr || sum->inputs.size() != 2) return no_sense(node, "this layer has no attention");
  return sum->inputs[0];
}

std::vector<Variant> from_norm(const Suspect&) {
  return {{sums(), edited([](Node& node, ReplayView& view) -> Status {
             const At norm{norm_of(node.at.point), node.at.il};
             if (view.graph().find(norm) == nullptr) return no_sense(node, "there is no norm");
             node.inputs[0] = norm;
             return {};
           }),
           "", ""}};
}

std::vector<Variant> wrong_source(const Suspect&) {
  const Compute input_of_layer = edited([](Node& node, ReplayView& view) -> Status {
    KILTER_ASSIGN(node.inputs[0], layer_input(node, view, node.at.il));
    return {};
  });
  const Touches both = at_points({Point::ffn_norm, Point::ffn_residual});
  const Compute parallel = [input_of_layer](const Node& node, ReplayView& view) -> Result<Numbers> {
    if (node.at.point == Point::ffn_norm) return input_of_layer(node, view);
    return view.run(node);
  };
  return {{at_points({Point::ffn_residual}), input_of_layer,
           "feed-forward is added to the layer's input: attention's part is lost", ""},
          {both, parallel, "feed-forward reads the layer's input, beside attention instead of after it", ""},
          {at_points({Point::ffn_norm}), edited([](Node& node, ReplayView& view) -> Status {
             const Node* sum = view.graph().find({Point::attn_residual, node.at.il});
             if (sum == nullptr || sum->inputs.size() != 2)
               return no_sense(node, "this layer has no attention");
             node.inputs[0] = sum->inputs[1];
             return {};
           }),
           "feed-forward reads attention's output without the residual", ""},
          {[](const Node& node) { return node.at.point == Point::attn_norm && node.at.il > 0; },
           edited([](Node& node, ReplayView& view) -> Status {
             const Node* before = view.graph().find({Point::ffn_residual, node.at.il - 1});
             if (before == nullptr || before->inputs.size() != 2)
               return no_sense(node, "this is the first layer");
             node.inputs[0] = before->inputs[1];
             return {};
           }),
           "attention reads feed-forward's output without the residual", ""}};
}

// The sum normalised with the norm's own weight: norm(x + out).
Result<Numbers> norm_of_sum(const Node& node, ReplayView& view) {
  const Node* norm = view.graph().find({norm_of(node.at.point), node.at.il});
  if (norm == nullptr || norm->weight == nullptr) return no_sense(node, "there is no norm");
  KILTER_ASSIGN(const Numbers sum, view.run(node));
  return normed(sum, *norm->weight, [&](std::span<const float> v) {
    return 1 / std::sqrt(mean_square(v) + double{norm->number});
  });
}

// x + norm(out)
Result<Numbers> norm_of_branch(const Node& node, ReplayView& view) {
  const Node* norm = view.graph().find({norm_of(node.at.point), node.at.il});
  if (norm == nullptr || norm->weight == nullptr) return no_sense(node, "there is no norm");
  KILTER_ASSIGN(const std::span<const float> x, view.value(node.inputs[0]));
  KILTER_ASSIGN(const std::span<const float> out, view.value(node.inputs[1]));
  KILTER_ASSIGN(Numbers y, normed(out, *norm->weight, [&](std::span<const float> v) {
                  return 1 / std::sqrt(mean_square(v) + double{norm->number});
                }));
  for (size_t i = 0; i < y.size(); ++i) y[i] = static_cast<float>(double{x[i]} + double{y[i]});
  return y;
}

std::vector<Variant> post_norm(const Suspect&) {
  const Touches touches =
      at_points({Point::attn_norm, Point::ffn_norm, Point::attn_residual, Point::ffn_residual});
  const auto variant = [&](Compute at_sum, bool pre_norm_too, std::string detail) {
    const Compute compute = [at_sum, pre_norm_too](const Node& node, ReplayView& view) -> Result<Numbers> {
      if (node.op == "add") return at_sum(node, view);
      return pre_norm_too ? view.run(node) : passed_through()(node, view);
    };
    return Variant{pre_norm_too ? sums() : touches, compute, std::move(detail), "", 0, Parts::layer};
  };
  return {variant(norm_of_sum, false, "the norms come after the sums, not before the branches"),
          variant(norm_of_branch, false, "the norms come after the branches, not before them"),
          variant(norm_of_sum, true, "the sums are normalised too"),
          variant(norm_of_branch, true, "the branches are normalised too")};
}

// A layer whose output is its input.
Variant skip(int il, std::string detail) {
  return {[il](const Node& node) { return node.at.point == Point::ffn_residual && node.at.il == il; },
          [](const Node& node, ReplayView& view) -> Result<Numbers> {
            KILTER_ASSIGN(const At input, layer_input(node, view, node.at.il));
            KILTER_ASSIGN(const std::span<const float> x, view.value(input));
            return Numbers(x.begin(), x.end());
          },
          std::move(detail),
          "",
          0,
          Parts::none};
}

std::vector<Variant> skipped(const Suspect& suspect) {
  const int layers = suspect.view->graph().n_layer();
  if (layers < 1) return {};
  std::vector<Variant> variants = {skip(layers - 1, "the last layer is left out")};
  if (layers > 1) variants.push_back(skip(0, "the first layer is left out"));
  for (int il = 1; il + 1 < layers && suspect.segment.size() > 8; ++il) {
    variants.push_back(skip(il, fmt::format("layer {} is left out", il)));
    variants.back().fitted = 1;
  }
  return variants;
}

}  // namespace

std::vector<OpBug> residual_bugs() {
  return {
      {{.id = "residual-missing",
        .title = "A residual connection is missing",
        .cause = "The engine does not add attention's or feed-forward's output to the stream it came from.",
        .fix = "After attention: x = x + attn_output; after feed-forward: x = x + ffn_down.",
        .rank = 25,
        .next_measurement = "Dump the stream before and after the sum, and what is added."},
       missing},
      {{.id = "residual-twice",
        .title = "A residual connection is added twice",
        .cause = "One of the two summands of a residual connection is counted twice.",
        .fix = "Add once: an in-place projection that accumulates (y += W x) needs no second sum.",
        .rank = 25,
        .next_measurement = "Dump the stream before and after the sum, and what is added."},
       twice},
      {{.id = "residual-from-norm",
        .title = "The residual is taken from the normalised value",
        .cause = "The engine adds the branch to norm(x) instead of x.",
        .fix = "Keep x before you normalise it, and add the branch to that.",
        .rank = 25,
        .next_measurement = "Dump the stream before the norm, the norm, and the sum."},
       from_norm},
      {{.id = "residual-source",
        .title = "A branch or its residual is taken from the wrong place",
        .cause = "Attention and feed-forward are not chained through the residual stream as the model is.",
        .fix = "h = x + attention(norm(x)); y = h + feed_forward(norm(h)).",
        .rank = 25,
        .next_measurement = "Dump attn_residual, ffn_norm and ffn_residual of layer 0."},
       wrong_source},
      {{.id = "norm-place",
        .title = "The norms stand in the wrong place",
        .cause =
            "The engine normalises sums or branches where the model normalises the input of each branch.",
        .fix = "h = x + attention(norm(x)); y = h + feed_forward(norm(h)).",
        .rank = 25,
        .next_measurement = "Dump the input of attn_norm, attn_norm and attn_residual of layer 0."},
       post_norm},
      {{.id = "layer-skipped",
        .title = "A layer is left out",
        .cause = "The loop over layers does not run all of <arch>.block_count.",
        .fix = "Run layers 0 .. block_count - 1.",
        .rank = 26,
        .next_measurement = "Dump the output of every layer."},
       skipped},
  };
}

}  // namespace kilter::analysis
