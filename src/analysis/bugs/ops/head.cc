// From the last layer to the logits.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/seen.h"

namespace kilter::analysis {
namespace {

Touches logits() { return at_points({Point::logits}); }

std::vector<Variant> soft_caps(const Suspect& suspect) {
  std::vector<Variant> variants;
  const auto add = [&](double cap, int fitted) {
    variants.push_back({logits(), mapped([cap](double x) { return cap * std::tanh(x / cap); }),
                        fmt::format("{} * tanh(logit / {}) fits; this model has no cap", short_number(cap),
                                    short_number(cap)),
                        "", fitted});
  };
  add(30, 0);
  add(50, 0);
  add(20, 0);
  if (suspect.segment.size() == 1 && suspect.node->at.point == Point::logits) {
    if (const auto cap = fit_soft_cap(seen_and_right(suspect))) add(*cap, 1);
  }
  return variants;
}

// Each row by itself: y = x - ln(sum e^x), or e of that.
Compute probabilities(bool in_logarithms) {
  return [in_logarithms](const Node& node, ReplayView& view) -> Result<Numbers> {
    KILTER_ASSIGN(Numbers y, view.run(node));
    const auto width = static_cast<size_t>(node.row.elements());
    for (size_t from = 0; from + width <= y.size(); from += width) {
      const std::span<float> row = std::span(y).subspan(from, width);
      const double most = double{*std::max_element(row.begin(), row.end())};
      double sum = 0;
      for (const float x : row) sum += std::exp(double{x} - most);
      const double shift = most + std::log(sum);
      for (float& x : row) {
        const double logarithm = double{x} - shift;
        x = static_cast<float>(in_logarithms ? logarithm : std::exp(logarithm));
      }
    }
    return y;
  };
}

std::vector<Variant> softmaxed(const Suspect&) {
  return {{logits(), probabilities(true), "they are logarithms of probabilities", ""},
          {logits(), probabilities(false), "they are probabilities", ""}};
}

}  // namespace

std::vector<OpBug> head_bugs() {
  return {
      {{.id = "logit-soft-cap",
        .title = "A soft-cap on logits that this model does not have",
        .cause = "The engine bends large logits with cap * tanh(logit / cap).",
        .fix = "Cap logits only where the file has <arch>.final_logit_softcapping.",
        .rank = 23,
        .next_measurement = "Dump the final norm and the logits of one token."},
       soft_caps},
      {{.id = "logits-as-probabilities",
        .title = "The dumped logits are probabilities",
        .cause = "What the dump calls logits has gone through a softmax.",
        .fix = "Dump the output projection's result before the softmax: the model is not to blame.",
        .rank = 30,
        .next_measurement = ""},
       softmaxed},
  };
}

}  // namespace kilter::analysis
