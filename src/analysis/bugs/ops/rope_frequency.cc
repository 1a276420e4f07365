// RoPE: how fast each pair turns.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>
#include <optional>

#include <fmt/format.h>

#include "analysis/bugs/ops/families.h"
#include "analysis/bugs/ops/rotation.h"
#include "analysis/bugs/ops/seen.h"

namespace kilter::analysis {
namespace {

// The exponent of pair i as the file has it.
double exponent(const Rope& rope, size_t pair) {
  return 2.0 * static_cast<double>(pair) / static_cast<double>(rope.n_rot);
}

Compute with_base(double base) {
  return with_rope([base](Rope& r, int64_t, ReplayView&) -> Status {
    const double ratio = base / base_of(r);
    for (size_t i = 0; i < r.frequency.size(); ++i) r.frequency[i] *= std::pow(ratio, -exponent(r, i));
    return {};
  });
}

// Pair i turns with base^-power(i).
Compute with_power(std::function<double(double pair, double n_rot)> power) {
  return with_rope([power = std::move(power)](Rope& r, int64_t, ReplayView&) -> Status {
    const double base = base_of(r);
    const double first = r.frequency[0];
    for (size_t i = 0; i < r.frequency.size(); ++i) {
      r.frequency[i] = first * std::pow(base, -power(static_cast<double>(i), static_cast<double>(r.n_rot)));
    }
    return {};
  });
}

// By how much a pair was turned at a token, from all heads of its row; and how sure that is: the mean square
// of the pair's elements.
struct Turn {
  double angle = 0;
  double weight = 0;
};

Turn turn_of(const Suspect& suspect, std::span<const float> x, int64_t row, int32_t token, size_t pair) {
  const Node& node = *suspect.node;
  const auto width = head_width(node);
  const int64_t row_size = node.row.elements();
  const auto [i, j] = pair_elements(*node.rope, pair);
  double along = 0;
  double across = 0;
  for (int64_t head = 0; head < row_size; head += width) {
    const int64_t a = head + static_cast<int64_t>(i);
    const int64_t b = head + static_cast<int64_t>(j);
    if (!is_known(suspect, row, a) || !is_known(suspect, row, b)) continue;
    const auto seen = [&](int64_t e) {
      return double{suspect.seen->values[static_cast<size_t>(row * row_size + e)]};
    };
    const auto from = [&](int64_t e) { return double{x[static_cast<size_t>(token * row_size + e)]}; };
    along += seen(a) * from(a) + seen(b) * from(b);
    across += seen(b) * from(a) - seen(a) * from(b);
  }
  return {std::atan2(across, along), std::hypot(along, across)};
}

// The seen row of the smallest position from 1 on: there angles are least ambiguous.
int64_t best_row(const Suspect& suspect) {
  int64_t best = -1;
  for (size_t r = 0; r < suspect.rows.size(); ++r) {
    if (suspect.rows[r] >= 1 && best < 0) best = static_cast<int64_t>(r);
  }
  return best;
}

// What the dump's own rotation says about the frequencies, pair by pair, up to the first doubt. Frequencies
// fall from pair to pair, so the slow pairs are read first: their angles are below pi.
std::vector<std::optional<double>> seen_frequencies(const Suspect& suspect) {
  std::vector<std::optional<double>> found;
  if (suspect.node->op != "rope" || suspect.seen == nullptr) return found;
  const int64_t row = best_row(suspect);
  const Result<std::span<const float>> x = suspect.view->value(suspect.node->inputs[0]);
  if (row < 0 || !x.ok()) return found;
  const int32_t token = suspect.rows[static_cast<size_t>(row)];
  const size_t n = suspect.node->rope->frequency.size();
  found.resize(n);
  for (size_t back = 0; back < n; ++back) {
    const size_t pair = n - 1 - back;
    const Turn turn = turn_of(suspect, *x, row, token, pair);
    if (turn.weight == 0) continue;
    if (turn.angle <= 0) break;  // past pi, or another bug
    found[pair] = turn.angle / token;
  }
  return found;
}

// ln(base) by least squares over ln(frequency ratio) = -exponent * ln(base ratio); an angle's error is
// absolute, so the weight of a pair is its angle squared. Empty where no geometric row fits.
std::optional<double> fitted_base(const Suspect& suspect) {
  const auto seen = seen_frequencies(suspect);
  if (seen.empty()) return std::nullopt;
  const Rope& rope = *suspect.node->rope;
  double top = 0;
  double bottom = 0;
  int used = 0;
  for (size_t i = 1; i < seen.size(); ++i) {
    if (!seen[i]) continue;
    const double weight = *seen[i] * *seen[i];
    top -= weight * exponent(rope, i) * std::log(*seen[i] / rope.frequency[i]);
    bottom += weight * exponent(rope, i) * exponent(rope, i);
    ++used;
  }
  if (used < 2 || seen.size() < 3 || bottom == 0) return std::nullopt;
  const double base = base_of(rope) * std::exp(top / bottom);
  return base > 1.5 && base < 1e12 ? std::optional(base) : std::nullopt;
}

bool same(double a, double b) { return std::abs(a - b) <= 1e-3 * std::abs(b); }

std::vector<Variant> bases(const Suspect& suspect) {
  const Rope* rope = rope_of(suspect);
  if (rope == nullptr || base_of(*rope) <= 0) return {};
  const double right = base_of(*rope);
  constexpr std::array kUsual = {10000.0,    500000.0, 1000000.0, 5000000.0,
                                 10000000.0, 100000.0, 1000.0,    160000.0};
  const std::optional<double> fitted = suspect.segment.size() == 1 ? fitted_base(suspect) : std::nullopt;
  std::vector<Variant> variants;
  const auto n = static_cast<double>(rope->n_rot);
  const auto add = [&](double base, int count) {
    if (same(base, right)) return;
    // i/n_rot for 2i/n_rot is the root of the base, and so on: those are the exponent's, unless models have
    // that base.
    const bool common = same(base, 1e4) || same(base, 5e5) || same(base, 1e6);
    for (const double power : {0.5, 2.0, n / (n - 2)}) {
      if (!common && same(base, std::pow(right, power))) return;
    }
    variants.push_back(
        {rope_nodes(), with_base(base),
         fmt::format("base {} fits, the file says {}", short_number(base), short_number(right)),
         fmt::format("Use rope.freq_base {} of the file", short_number(right)), count});
  };
  const auto* usual =
      std::find_if(kUsual.begin(), kUsual.end(), [&](double b) { return fitted && same(*fitted, b); });
  if (fitted && usual == kUsual.end()) add(*fitted, 1);
  for (const double base : kUsual) add(base, 0);
  return variants;
}

std::vector<Variant> exponents(const Suspect& suspect) {
  const Rope* rope = rope_of(suspect);
  if (rope == nullptr || base_of(*rope) <= 0) return {};
  const auto variant = [](std::string detail, std::function<double(double, double)> power) {
    return Variant{rope_nodes(), with_power(std::move(power)), std::move(detail), ""};
  };
  std::vector<Variant> variants = {
      variant("the exponent is 4i/n_rot: an index that already counts elements was doubled",
              [](double i, double n) { return 4 * i / n; }),
      variant("the exponent is 2(i + 1)/n_rot: pairs were counted from 1",
              [](double i, double n) { return 2 * (i + 1) / n; }),
      variant("the exponent is 2i/(n_rot - 2): the last pair was given exponent 1",
              [](double i, double n) { return 2 * i / (n - 2); }),
      variant("the exponent is (2i + 1)/n_rot", [](double i, double n) { return (2 * i + 1) / n; }),
      {rope_nodes(), with_rope([](Rope& r, int64_t, ReplayView&) -> Status {
         for (double& f : r.frequency) f = 1 / f;
         return {};
       }),
       "the frequencies are base^(+2i/n_rot): the sign of the exponent", ""},
      {rope_nodes(), with_rope([](Rope& r, int64_t, ReplayView&) -> Status {
         std::reverse(r.frequency.begin(), r.frequency.end());
         return {};
       }),
       "the frequencies stand in reverse order", ""},
  };
  // Where half a head is turned, i/n_rot is the exponent over the head's width: that one is rope-partial's.
  const Node* node = rope_node_of(suspect);
  if (node != nullptr && head_width(*node) != 2 * rope->n_rot) {
    variants.push_back(
        variant("the exponent is i/n_rot, not 2i/n_rot", [](double i, double n) { return i / n; }));
  }
  return variants;
}

// rope_freqs.weight, by which the loader divided each frequency.
Result<Numbers> stored_factors(ReplayView& view, size_t pairs) {
  const Weight* w = view.weight("rope_freqs.weight");
  if (w == nullptr || static_cast<size_t>(w->cols) < pairs) {
    return Error{ErrorCode::usage, "rope_freqs.weight", "this model has none", ""};
  }
  return decoded(*w, 0, 1);
}

Compute with_stored_factors(double power) {
  return with_rope([power](Rope& r, int64_t, ReplayView& view) -> Status {
    KILTER_ASSIGN(const Numbers factors, stored_factors(view, r.frequency.size()));
    for (size_t i = 0; i < r.frequency.size(); ++i) r.frequency[i] *= std::pow(double{factors[i]}, power);
    return {};
  });
}

// The stretch of Llama 3.1: waves longer than a quarter of the old context go slower by `factor`, those
// shorter than the context itself / 4 as before, with a ramp between (Dubey et al. 2024; the numbers are
// Llama 3.1's).
double llama3_frequency(double frequency, double factor) {
  constexpr double kContext = 8192;
  constexpr double kLow = 1;
  constexpr double kHigh = 4;
  const double turns = kContext * frequency / (2 * std::numbers::pi);
  const double smooth = std::clamp((turns - kLow) / (kHigh - kLow), 0.0, 1.0);
  return frequency * (smooth + (1 - smooth) / factor);
}

Compute with_llama3_factors(double factor) {
  return with_rope([factor](Rope& r, int64_t, ReplayView&) -> Status {
    for (double& f : r.frequency) f = llama3_frequency(f, factor);
    return {};
  });
}

std::vector<Variant> factors(const Suspect& suspect) {
  const Rope* rope = rope_of(suspect);
  if (rope == nullptr) return {};
  if (suspect.view->weight("rope_freqs.weight") != nullptr) {
    return {{rope_nodes(), with_stored_factors(1), "rope_freqs.weight was not applied", ""},
            {rope_nodes(), with_stored_factors(2), "frequencies were multiplied with rope_freqs.weight", ""},
            {rope_nodes(), with_stored_factors(-1), "rope_freqs.weight was applied twice", ""}};
  }
  std::vector<Variant> variants;
  for (const double factor : {8.0, 32.0}) {
    variants.push_back(
        {rope_nodes(), with_llama3_factors(factor),
         fmt::format("Llama 3's factor {} was applied, and this file has no rope_freqs", factor),
         "Apply frequency factors only where the file has rope_freqs.weight"});
  }
  return variants;
}

// One factor over all frequencies: seen / right of the pair that was turned furthest without doubt.
std::optional<double> fitted_stretch(const Suspect& suspect) {
  const auto seen = seen_frequencies(suspect);
  for (size_t i = 0; i < seen.size(); ++i) {
    if (seen[i]) return *seen[i] / suspect.node->rope->frequency[i];
  }
  return std::nullopt;
}

Compute stretched(double by) {
  return with_rope([by](Rope& r, int64_t, ReplayView&) -> Status {
    for (double& f : r.frequency) f *= by;
    return {};
  });
}

// Frequencies without any scaling, from the base alone.
Compute unscaled() {
  return with_rope([](Rope& r, int64_t, ReplayView&) -> Status {
    const double base = base_of(r);
    for (size_t i = 0; i < r.frequency.size(); ++i) r.frequency[i] = std::pow(base, -exponent(r, i));
    return {};
  });
}

std::vector<Variant> scalings(const Suspect& suspect) {
  const Rope* rope = rope_of(suspect);
  if (rope == nullptr || base_of(*rope) <= 0) return {};
  std::vector<Variant> variants;
  bool scaled = false;
  for (size_t i = 0; i < rope->frequency.size(); ++i) {
    scaled = scaled || !same(rope->frequency[i], std::pow(base_of(*rope), -exponent(*rope, i)));
  }
  if (scaled) variants.push_back({rope_nodes(), unscaled(), "the file's scaling was not applied", ""});
  // 1: nothing was fitted, or nothing is stretched
  double fitted = suspect.segment.size() == 1 ? fitted_stretch(suspect).value_or(1) : 1;
  const double first = rope->frequency.empty() ? 1 : rope->frequency[0];
  const double one_pair = std::pow(base_of(*rope), 1 / static_cast<double>(rope->n_rot));
  // Twice is two turns; a pair too many or too few, or half a one, is the exponent's.
  for (const double named : {2.0, 1 / one_pair, 1 / (one_pair * one_pair)}) {
    if (same(fitted, named)) fitted = 1;
  }
  for (const double by : {1 / first, 0.125, 0.25, 0.5, 4.0, 8.0}) {
    if (same(by, 1)) continue;
    if (same(by, fitted)) fitted = 1;
    variants.push_back({rope_nodes(), stretched(by),
                        fmt::format("every angle is {} of what it should be", short_number(by)), ""});
  }
  if (!same(fitted, 1)) {
    variants.push_back({rope_nodes(), stretched(fitted),
                        fmt::format("every angle is {} of what it should be", short_number(fitted)), "", 1});
  }
  return variants;
}

std::vector<Variant> magnitudes(const Suspect& suspect) {
  const Rope* rope = rope_of(suspect);
  if (rope == nullptr || rope->magnitude == 1) return {};
  const auto variant = [&](double power, std::string detail) {
    return Variant{rope_nodes(), with_rope([power](Rope& r, int64_t, ReplayView&) -> Status {
                     r.magnitude = std::pow(r.magnitude, power);
                     return {};
                   }),
                   std::move(detail), ""};
  };
  const std::string number = short_number(rope->magnitude);
  return {variant(0, fmt::format("the factor {} was left out", number)),
          variant(2, fmt::format("the factor {} was applied twice", number))};
}

}  // namespace

std::vector<OpBug> rope_frequency_bugs() {
  return {
      {{.id = "rope-base",
        .title = "RoPE uses another base than the file's",
        .cause = "The engine's base of the rotary frequencies is not the file's <arch>.rope.freq_base.",
        .fix = "Read <arch>.rope.freq_base from the metadata; 10000 is only the default where it is missing.",
        .rank = 18,
        .next_measurement = "Dump q before and after RoPE at a late position: the error grows with it."},
       bases},
      {{.id = "rope-exponent",
        .title = "RoPE's exponent is wrong",
        .cause = "The frequency of pair i is not base^(-2i/n_rot).",
        .fix = "Compute frequency i = base^(-2i/n_rot) with i counting pairs from 0.",
        .rank = 18,
        .next_measurement = "Dump all elements of q before and after RoPE at position 1."},
       exponents},
      {{.id = "rope-freqs",
        .title = "RoPE's per-frequency factors are left out, or put in where there are none",
        .cause = "The engine does not divide each frequency by its factor in rope_freqs.weight exactly once.",
        .fix = "Divide frequency i by rope_freqs.weight[i] where the file has that tensor, and only there.",
        .rank = 12,
        .next_measurement =
            "Dump q before and after RoPE at a late position: fast pairs are the same with and "
            "without the factors."},
       factors},
      {{.id = "rope-scaling",
        .title = "RoPE's context scaling is wrong",
        .cause = "Positions or frequencies are stretched by another factor than <arch>.rope.scaling.* says.",
        .fix =
            "Apply rope.scaling.type and rope.scaling.factor of the file once: linear scaling divides every "
            "frequency by the factor.",
        .rank = 12,
        .next_measurement = "Dump q before and after RoPE at two positions."},
       scalings},
      {{.id = "rope-magnitude",
        .title = "YaRN's factor on the turned elements is wrong",
        .cause =
            "YaRN multiplies the turned elements with one factor; the engine leaves it out or applies it "
            "twice.",
        .fix = "Multiply cos and sin with the factor once: 1 + 0.1 ln(scaling factor), unless the file says "
               "otherwise.",
        .rank = 12,
        .next_measurement = ""},
       magnitudes},
  };
}

}  // namespace kilter::analysis
