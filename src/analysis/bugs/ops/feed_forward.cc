// Between the up projections and the down projection.
#include <cmath>
#include <numbers>

#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/seen.h"

namespace kilter::analysis {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double silu(double x) { return x * sigmoid(x); }

// The two nodes between gate, up and down.
struct Gating {
  const Node* act = nullptr;    // silu(gate)
  const Node* gated = nullptr;  // act * up
};

Result<Gating> gating(const Node& node, ReplayView& view) {
  const Gating g{view.graph().find({Point::ffn_act, node.at.il}),
                 view.graph().find({Point::ffn_gated, node.at.il})};
  if (g.act == nullptr || g.gated == nullptr || g.gated->inputs.size() != 2 || g.act->inputs.size() != 1) {
    return no_sense(node, "this layer has no gate");
  }
  return g;
}

// y = f(x of `input`)
Result<Numbers> each(ReplayView& view, At input, const std::function<double(double)>& f) {
  KILTER_ASSIGN(const std::span<const float> x, view.value(input));
  Numbers y(x.size());
  for (size_t i = 0; i < y.size(); ++i) y[i] = static_cast<float>(f(double{x[i]}));
  return y;
}

Result<Numbers> each_pair(ReplayView& view, At a, At b, const std::function<double(double, double)>& f) {
  KILTER_ASSIGN(const std::span<const float> x, view.value(a));
  KILTER_ASSIGN(const std::span<const float> y, view.value(b));
  if (x.size() != y.size()) return Error{ErrorCode::usage, to_string(a), "the two have different shapes", ""};
  Numbers z(x.size());
  for (size_t i = 0; i < z.size(); ++i) z[i] = static_cast<float>(f(double{x[i]}, double{y[i]}));
  return z;
}

Touches act_and_gated() { return at_points({Point::ffn_act, Point::ffn_gated}); }

// What the dump calls the activation, if it has it, is silu(up); the product is gate * silu(up).
Result<Numbers> silu_of_up(const Node& node, ReplayView& view) {
  KILTER_ASSIGN(const Gating g, gating(node, view));
  const At up = g.gated->inputs[1];
  if (node.at.point == Point::ffn_act) return each(view, up, silu);
  return each_pair(view, g.act->inputs[0], up, [](double gate, double x) { return gate * silu(x); });
}

std::vector<Variant> silu_on_up(const Suspect&) {
  return {{act_and_gated(), silu_of_up, "", "", 0, Parts::each}};
}

struct Activation {
  std::string_view name;
  double (*f)(double);
};

double gelu_erf(double x) { return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2)); }
double gelu_tanh(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}
double gelu_quick(double x) { return x * sigmoid(1.702 * x); }
double relu(double x) { return x > 0 ? x : 0; }
double relu_squared(double x) { return relu(x) * relu(x); }
double softplus(double x) { return std::log1p(std::exp(-std::abs(x))) + relu(x); }
double mish(double x) { return x * std::tanh(softplus(x)); }
double silu_of_minus(double x) { return x * sigmoid(-x); }
double silu_twice(double x) { return silu(silu(x)); }
double identity(double x) { return x; }
double tanh_of(double x) { return std::tanh(x); }

std::vector<Variant> of_functions(std::span<const Activation> functions) {
  std::vector<Variant> variants;
  for (const Activation& a : functions) {
    variants.push_back({at_points({Point::ffn_act}),
                        [f = a.f](const Node& node, ReplayView& view) -> Result<Numbers> {
                          return each(view, node.inputs[0], f);
                        },
                        std::string(a.name), ""});
  }
  return variants;
}

std::vector<Variant> gelus(const Suspect&) {
  constexpr Activation kFunctions[] = {{"GELU with erf", gelu_erf},
                                       {"GELU with tanh", gelu_tanh},
                                       {"the quick GELU, x * sigmoid(1.702 x)", gelu_quick}};
  return of_functions(kFunctions);
}

std::vector<Variant> activations(const Suspect&) {
  constexpr Activation kFunctions[] = {{"ReLU", relu},
                                       {"there is none", identity},
                                       {"the sigmoid alone: its product with x is missing", sigmoid},
                                       {"SiLU twice", silu_twice},
                                       {"x * sigmoid(-x): the sign in the exponent", silu_of_minus},
                                       {"ReLU squared", relu_squared},
                                       {"tanh", tanh_of},
                                       {"mish", mish},
                                       {"softplus", softplus}};
  return of_functions(kFunctions);
}

std::vector<Variant> products(const Suspect&) {
  const auto of_gate_and_up = [](double (*f)(double gate, double up)) {
    return [f](const Node& node, ReplayView& view) -> Result<Numbers> {
      KILTER_ASSIGN(const Gating g, gating(node, view));
      return each_pair(view, g.act->inputs[0], g.gated->inputs[1], f);
    };
  };
  const Touches gated = at_points({Point::ffn_gated});
  return {{gated, of_gate_and_up([](double gate, double up) { return silu(gate * up); }),
           "SiLU is applied to the product of gate and up", ""},
          {gated, of_gate_and_up([](double gate, double up) { return silu(gate) * silu(up); }),
           "SiLU is applied to gate and to up", ""},
          {gated, of_gate_and_up([](double gate, double up) { return gate * up; }), "there is no SiLU at all",
           ""},
          {gated, of_gate_and_up([](double gate, double) { return silu(gate); }), "up is left out", ""},
          {gated, of_gate_and_up([](double gate, double up) { return silu(gate) + up; }),
           "up is added, not multiplied", ""},
          {gated, of_gate_and_up([](double gate, double up) { return silu(gate) * (up + 1); }),
           "1 is added to up", ""},
          {gated, of_gate_and_up([](double gate, double) { return silu(gate) * gate; }),
           "gate is multiplied with itself, not with up", ""},
          {gated, of_gate_and_up([](double, double up) { return silu(up) * up; }),
           "up is multiplied with itself, not with gate", ""}};
}

}  // namespace

std::vector<OpBug> feed_forward_bugs() {
  constexpr std::string_view kAll = "Dump ffn_gate, ffn_up and their product, of layer 0.";
  return {
      {{.id = "silu-on-up",
        .title = "SiLU is applied to up instead of gate",
        .cause = "The engine computes gate * SiLU(up); the model wants SiLU(gate) * up.",
        .fix = "Apply SiLU to ffn_gate's output and multiply with ffn_up's.",
        .rank = 26,
        .next_measurement =
            "Dump ffn_gate and ffn_up: if they are right, the activation is on the wrong one; if "
            "they are each other, the weights were swapped."},
       silu_on_up},
      {{.id = "gelu",
        .title = "GELU instead of SiLU",
        .cause = "The engine's activation is GELU; this model's is SiLU.",
        .fix = "Compute x / (1 + e^-x).",
        .rank = 26,
        .next_measurement = kAll},
       gelus},
      {{.id = "activation",
        .title = "Another activation than SiLU",
        .cause = "The function that the engine applies to the gate is not SiLU.",
        .fix = "Compute x / (1 + e^-x).",
        .rank = 26,
        .next_measurement = kAll},
       activations},
      {{.id = "gated-product",
        .title = "Gate and up are combined wrongly",
        .cause = "The engine's product of gate and up is not SiLU(gate) * up.",
        .fix = "Compute SiLU(gate) * up, element by element.",
        .rank = 26,
        .next_measurement = kAll},
       products},
  };
}

}  // namespace kilter::analysis
