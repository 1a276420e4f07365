// What is done to a vector before it is multiplied with the norm's weight.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/seen.h"

namespace kilter::analysis {
namespace {

using Vector = std::span<const float>;

Touches norms() { return of_ops({"rmsnorm"}); }

const Node* norm_of(const Suspect& suspect) {
  for (const Node* node : suspect.segment) {
    if (node->op == "rmsnorm") return node;
  }
  return nullptr;
}

Compute with_scale(std::function<double(Vector x, double eps)> scale) {
  return [scale = std::move(scale)](const Node& node, ReplayView& view) -> Result<Numbers> {
    if (node.weight == nullptr || node.inputs.empty()) return no_sense(node, "it has no weight");
    KILTER_ASSIGN(const Vector x, view.value(node.inputs[0]));
    return normed(x, *node.weight, [&](Vector v) { return scale(v, double{node.number}); });
  };
}

double right_scale(double mean_of_squares, double eps) { return 1 / std::sqrt(mean_of_squares + eps); }

// One vector of a norm's input, and the factor that the dump shows for it: seen = x * w * scale.
struct SeenScale {
  std::vector<float> x;
  double scale = 0;
};

// By least squares over the vector's known elements. Vectors of which fewer than four are known are left out.
std::vector<SeenScale> seen_scales(const Suspect& suspect) {
  std::vector<SeenScale> found;
  const Node& node = *suspect.node;
  if (node.op != "rmsnorm" || node.weight == nullptr || suspect.seen == nullptr) return found;
  const auto x = suspect.view->value(node.inputs[0]);
  const auto weight = decoded(*node.weight, 0, 1);
  if (!x.ok() || !weight.ok() || weight->empty()) return found;
  const size_t n = weight->size();
  const auto tokens = suspect.view->rows(node.at);
  const size_t width = suspect.seen->values.size() / std::max<size_t>(1, suspect.rows.size());
  for (size_t r = 0; r < suspect.rows.size(); ++r) {
    const auto place = std::find(tokens.begin(), tokens.end(), suspect.rows[r]);
    if (place == tokens.end()) continue;
    for (size_t from = 0; from + n <= width; from += n) {
      const Vector v = x->subspan(static_cast<size_t>(place - tokens.begin()) * width + from, n);
      double both = 0;
      double squares = 0;
      int known = 0;
      for (size_t i = 0; i < n; ++i) {
        if (!is_known(suspect, static_cast<int64_t>(r), static_cast<int64_t>(from + i))) continue;
        const double unscaled = double{v[i]} * double{(*weight)[i]};
        both += unscaled * double{suspect.seen->values[r * width + from + i]};
        squares += unscaled * unscaled;
        ++known;
      }
      if (known >= 4 && squares > 0 && both > 0) found.push_back({{v.begin(), v.end()}, both / squares});
    }
  }
  return found;
}

constexpr std::array kUsualEps = {1e-6, 1e-5, 5e-6, 1e-8, 1e-4, 1e-12, 1e-3};

// eps of 1/scale^2 = mean square + eps, from the smallest vector: there it weighs most. Empty where even a
// large eps would change less than the f32 of the dump can tell, where there is one vector only (some eps
// always fits that), and where the other vectors deny it.
std::optional<double> fitted_eps(std::span<const SeenScale> seen) {
  if (seen.size() < 2) return std::nullopt;
  const auto smallest = std::min_element(
      seen.begin(), seen.end(),
      [](const SeenScale& a, const SeenScale& b) { return mean_square(a.x) < mean_square(b.x); });
  const double square = mean_square(smallest->x);
  double eps = 1 / (smallest->scale * smallest->scale) - square;
  // An f32 is right to 2^-24, so eps is known to about 2^-22 of what stands under the root.
  if (!(eps > 0x1p-20 * (square + eps)) || eps > 1) return std::nullopt;
  for (const double usual : kUsualEps) {
    if (std::abs(eps - usual) < 2e-3 * usual + 0x1p-21 * square) eps = usual;
  }
  const bool fits_all = std::all_of(seen.begin(), seen.end(), [&](const SeenScale& s) {
    return std::abs(right_scale(mean_square(s.x), eps) - s.scale) <= 1e-3 * s.scale;
  });
  return fits_all ? std::optional(eps) : std::nullopt;
}

std::vector<Variant> epsilons(const Suspect& suspect) {
  const Node* node = norm_of(suspect);
  if (node == nullptr) return {};
  const double right = double{node->number};
  const auto is_right = [&](double eps) { return std::abs(eps - right) <= 1e-4 * right; };
  std::vector<Variant> variants;
  const auto add = [&](double eps, int fitted) {
    if (is_right(eps)) return;
    variants.push_back(
        {norms(), with_scale([eps](Vector x, double) { return right_scale(mean_square(x), eps); }),
         fmt::format("eps {:.3e} fits, the file says {:.3e}", eps, right),
         fmt::format("Use eps {:.3e}, the file's <arch>.attention.layer_norm_rms_epsilon", right), fitted});
  };
  for (const double eps : kUsualEps) add(eps, 0);
  add(0, 0);
  const auto fitted = suspect.segment.size() == 1 ? fitted_eps(seen_scales(suspect)) : std::nullopt;
  const bool usual = fitted && std::find(kUsualEps.begin(), kUsualEps.end(), *fitted) != kUsualEps.end();
  if (fitted && !usual) add(*fitted, 1);
  const Variant places[] = {
      {norms(), with_scale([](Vector x, double eps) { return 1 / (std::sqrt(mean_square(x)) + eps); }),
       "x / (sqrt(mean square) + eps)", ""},
      {norms(), with_scale([](Vector x, double eps) { return right_scale(mean_square(x), eps * eps); }),
       "eps is squared", ""},
      {norms(), with_scale([](Vector x, double eps) { return 1 / std::sqrt(std::max(mean_square(x), eps)); }),
       "the larger of mean square and eps is taken, not their sum", ""},
      {norms(), with_scale([](Vector x, double eps) {
         return right_scale(mean_square(x), eps / static_cast<double>(x.size()));
       }),
       "eps is added to the sum of squares, not to their mean", ""}};
  variants.insert(variants.end(), std::begin(places), std::end(places));
  return variants;
}

double mean(Vector x) {
  double sum = 0;
  for (const float value : x) sum += double{value};
  return sum / static_cast<double>(x.size());
}

// (x - shift * mean) * w / sqrt(variance around `around` * mean + eps)
Compute layer_norm(double shift, double around) {
  return [=](const Node& node, ReplayView& view) -> Result<Numbers> {
    if (node.weight == nullptr || node.inputs.empty()) return no_sense(node, "it has no weight");
    KILTER_ASSIGN(const Vector x, view.value(node.inputs[0]));
    KILTER_ASSIGN(const Numbers w, decoded(*node.weight, 0, 1));
    if (w.empty() || x.size() % w.size() != 0) return no_sense(node, "the weight is not as wide");
    Numbers y(x.size());
    for (size_t from = 0; from < x.size(); from += w.size()) {
      const Vector v = x.subspan(from, w.size());
      const double m = mean(v);
      double variance = 0;
      for (const float value : v) variance += std::pow(double{value} - around * m, 2);
      variance /= static_cast<double>(v.size());
      const double scale = right_scale(variance, double{node.number});
      for (size_t i = 0; i < v.size(); ++i) {
        y[from + i] = static_cast<float>((double{v[i]} - shift * m) * double{w[i]} * scale);
      }
    }
    return y;
  };
}

std::vector<Variant> layer_norms(const Suspect&) {
  return {
      {norms(), layer_norm(1, 1), "the mean is taken off (LayerNorm)", ""},
      {norms(), layer_norm(0, 1), "it divides by the standard deviation, not by the root mean square", ""},
      {norms(), layer_norm(1, 0), "the mean is taken off, but not in the root mean square", ""}};
}

// The mean square over the first n elements alone, divided by `by`.
double part_mean_square(Vector x, size_t n, double by) {
  return mean_square(x.first(std::min(n, x.size()))) * static_cast<double>(std::min(n, x.size())) / by;
}

Variant over_part(size_t n, bool by_all, int fitted) {
  Variant v{norms(), with_scale([n, by_all](Vector x, double eps) {
              const auto by = static_cast<double>(by_all ? x.size() : std::min(n, x.size()));
              return right_scale(part_mean_square(x, n, by), eps);
            }),
            fmt::format("the squares of the first {} elements are summed, and divided by {}", n,
                        by_all ? "all" : "their number"),
            ""};
  v.fitted = fitted;
  v.parts = Parts::each;
  return v;
}

// The prefix whose mean square is the one that all seen vectors show.
std::optional<Variant> fitted_part(const Suspect& suspect, std::span<const SeenScale> seen) {
  if (seen.empty()) return std::nullopt;
  const double eps = double{suspect.node->number};
  for (const bool by_all : {false, true}) {
    for (size_t n = 1; n < seen[0].x.size(); ++n) {
      const bool fits = std::all_of(seen.begin(), seen.end(), [&](const SeenScale& s) {
        const double by = static_cast<double>(by_all ? s.x.size() : n);
        const double expected = right_scale(part_mean_square(s.x, n, by), eps);
        return std::abs(expected - s.scale) <= 0x1p-20 * s.scale;
      });
      if (fits) return over_part(n, by_all, 1);
    }
  }
  return std::nullopt;
}

std::vector<Variant> parts(const Suspect& suspect) {
  std::vector<Variant> variants = {
      {norms(), with_scale([](Vector x, double eps) {
         return right_scale(mean_square(x) * static_cast<double>(x.size()), eps);
       }),
       "the sum of squares is used, not their mean", ""},
      {norms(), with_scale([](Vector x, double eps) {
         const auto n = static_cast<double>(x.size());
         return right_scale(mean_square(x) * n / (n - 1), eps);
       }),
       "the sum of squares is divided by n - 1", ""},
      {norms(), with_scale([](Vector x, double eps) { return 1 / (mean_square(x) + eps); }),
       "the root is missing: x / (mean square + eps)", ""},
      {norms(), with_scale([](Vector x, double eps) {
         double sum = 0;
         for (const float value : x) sum += std::abs(double{value});
         return 1 / (sum / static_cast<double>(x.size()) + eps);
       }),
       "it divides by the mean absolute value", ""}};
  if (suspect.segment.size() == 1) {
    if (auto fitted = fitted_part(suspect, seen_scales(suspect))) variants.push_back(std::move(*fitted));
  }
  return variants;
}

// The sum of squares of all rows of a pass: one factor for all.
Result<Numbers> over_all_rows(const Node& node, ReplayView& view) {
  if (node.weight == nullptr || node.inputs.empty()) return no_sense(node, "it has no weight");
  KILTER_ASSIGN(const Vector x, view.value(node.inputs[0]));
  const double scale = right_scale(mean_square(x), double{node.number});
  return normed(x, *node.weight, [scale](Vector) { return scale; });
}

// Every row with the factor of the first.
Result<Numbers> first_rows_factor(const Node& node, ReplayView& view) {
  if (node.weight == nullptr || node.inputs.empty()) return no_sense(node, "it has no weight");
  KILTER_ASSIGN(const Vector x, view.value(node.inputs[0]));
  const auto n = static_cast<size_t>(node.weight->cols);
  if (n == 0 || x.size() < n) return no_sense(node, "there is no row");
  const double scale = right_scale(mean_square(x.first(n)), double{node.number});
  return normed(x, *node.weight, [scale](Vector) { return scale; });
}

std::vector<Variant> rows(const Suspect&) {
  return {{norms(), first_rows_factor, "every row is divided by the first row's root mean square", ""},
          {norms(), over_all_rows, "all rows are divided by one root mean square, that of all of them", ""}};
}

std::vector<Variant> missing(const Suspect&) {
  return {{at_points({Point::output_norm}), passed_through(), "output_norm is left out", ""},
          {at_points({Point::attn_norm, Point::ffn_norm}), passed_through(),
           "the norms of the layers are left out", ""}};
}

// x * rsqrt(...) of what was normed already.
Result<Numbers> applied_twice(const Node& node, ReplayView& view) {
  KILTER_ASSIGN(const Numbers once, view.run(node));
  return normed(once, *node.weight,
                [&](Vector v) { return right_scale(mean_square(v), double{node.number}); });
}

std::vector<Variant> twice(const Suspect&) { return {{norms(), applied_twice, "", ""}}; }

}  // namespace

std::vector<OpBug> norm_bugs() {
  constexpr std::string_view kSmall =
      "Dump the first norm and its input for the token with the smallest embedding: there eps weighs most.";
  return {
      {{.id = "norm-eps",
        .title = "The norm's eps is wrong",
        .cause = "RMSNorm adds another eps than the file's <arch>.attention.layer_norm_rms_epsilon, or adds "
                 "it in another "
                 "place.",
        .fix = "Compute x * w / sqrt(mean(x^2) + eps) with <arch>.attention.layer_norm_rms_epsilon of the "
               "metadata.",
        .rank = 20,
        .next_measurement = kSmall},
       epsilons},
      {{.id = "norm-kind",
        .title = "LayerNorm instead of RMSNorm",
        .cause = "The engine takes the mean off, or divides by the standard deviation.",
        .fix = "Compute x * w / sqrt(mean(x^2) + eps): RMSNorm has no mean.",
        .rank = 25,
        .next_measurement = "Dump the first norm and its input."},
       layer_norms},
      {{.id = "norm-mean-square",
        .title = "The norm divides by something else than the root mean square",
        .cause = "The mean square is taken over part of the row, with another divisor, or without the root.",
        .fix = "Sum the squares of all n elements of the row, divide by n, add eps, take the root.",
        .rank = 25,
        .next_measurement = "Dump the first norm and its input for two tokens."},
       parts},
      {{.id = "norm-rows",
        .title = "Rows share one norm",
        .cause = "The root mean square of one row is used for others.",
        .fix = "Normalise each token's row by itself.",
        .rank = 25,
        .next_measurement = "Dump the first norm and its input for two tokens."},
       rows},
      {{.id = "norm-missing",
        .title = "A norm is left out",
        .cause = "A value goes on as it is where the model normalises it.",
        .fix = "Apply the norm; output_norm comes after the last layer, before the output projection.",
        .rank = 25,
        .next_measurement = "Dump the value before and after output_norm."},
       missing},
      {{.id = "norm-twice",
        .title = "A norm is applied twice",
        .cause = "A value is normalised again by the same norm.",
        .fix = "Apply each norm once.",
        .rank = 25,
        .next_measurement = "Dump the value before and after the norm."},
       twice},
  };
}

}  // namespace kilter::analysis
