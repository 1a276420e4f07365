#include "observe/power_probe.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "numerics/difference.h"

namespace kilter {
namespace {

// What llama.cpp's test-backend-ops and Polygraphy accept.
constexpr double kNmseAccepts = 5e-4;
constexpr double kCosineAccepts = 0.997;

// Elements of a value with a defect in them.
struct Changed {
  std::vector<size_t> places;
  std::vector<float> values;
};

Changed changed(const Defective& d, int64_t row_size) {
  Changed c;
  for (size_t i = 0; i < d.values.size(); ++i) {
    const size_t t = i / d.outputs.size();
    c.places.push_back(t * static_cast<size_t>(row_size) +
                       static_cast<size_t>(d.outputs[i % d.outputs.size()]));
  }
  c.values = d.values;
  return c;
}

Changed rounded(std::span<const float> values, double bits) {
  Changed c;
  for (size_t i = 0; i < values.size(); ++i) {
    c.places.push_back(i);
    c.values.push_back(rounded_to(values[i], static_cast<int>(bits)));
  }
  return c;
}

bool changes_a_bit(const JudgedCall& judged, const Changed& c) {
  for (size_t i = 0; i < c.places.size(); ++i) {
    if (std::memcmp(&judged.values[c.places[i]], &c.values[i], sizeof(float)) != 0) return true;
  }
  return false;
}

bool caught(const JudgedCall& judged, const Changed& c) {
  Margins margins;
  for (size_t i = 0; i < c.places.size(); ++i) {
    const size_t at = c.places[i];
    margins.add(c.values[i], judged.judgement.oracle[at], judged.judgement.bounds(at));
  }
  return !passes(margins.verdict());
}

// How people judge without a bound: the value as a whole, or the elements that were made where a defect would
// reach all of them.
Difference usual_measures(const JudgedCall& judged, const Changed& c, Reach reach) {
  const auto& oracle = judged.judgement.oracle;
  if (reach == Reach::one_output) {
    std::vector<float> all(judged.values.begin(), judged.values.end());
    for (size_t i = 0; i < c.places.size(); ++i) all[c.places[i]] = c.values[i];
    return difference(all, oracle);
  }
  std::vector<float> want;
  for (const size_t at : c.places) want.push_back(oracle[at]);
  return difference(c.values, want);
}

// Root mean square of the change, by that of the value.
double effect(const JudgedCall& judged, const Changed& c) {
  double change = 0;
  double size = 0;
  for (size_t i = 0; i < c.places.size(); ++i) {
    const double d = double{c.values[i]} - double{judged.values[c.places[i]]};
    if (std::isfinite(d)) change += d * d;
  }
  for (const float v : judged.judgement.oracle) {
    if (std::isfinite(v)) size += double{v} * double{v};
  }
  change /= static_cast<double>(c.places.size());
  size /= static_cast<double>(judged.judgement.oracle.size());
  return size == 0 ? 0 : std::sqrt(change / size);
}

// Counts a trial of the usual size. False where it changed nothing.
bool count_trial(const JudgedCall& judged, const Changed& c, DefectPower& power) {
  if (!changes_a_bit(judged, c)) {
    ++power.unchanged;
    return false;
  }
  ++power.trials;
  const Difference d = usual_measures(judged, c, power.defect->reach);
  if (d.nmse <= kNmseAccepts) ++power.nmse_accepts;
  if (d.cosine >= kCosineAccepts) ++power.cosine_accepts;
  return true;
}

// Tries the sizes of one place from the usual one on, as long as they are caught.
template <typename Make>
void try_sizes(const JudgedCall& judged, DefectPower& power, Make make) {
  const auto sizes = power.defect->sizes;
  int reached = -1;
  for (int i = 0; i < static_cast<int>(sizes.size()); ++i) {
    const Changed c = make(sizes[static_cast<size_t>(i)]);
    if (i == 0 && !count_trial(judged, c, power)) return;
    const double change = effect(judged, c);
    if (!caught(judged, c)) {
      if (i == 0) power.largest_missed = std::max(power.largest_missed, change);
      break;
    }
    reached = i;
    if (power.smallest_effect == 0 || change < power.smallest_effect) {
      power.smallest_effect = change;
      power.smallest_at = judged.call.at;
    }
  }
  if (reached >= 0) ++power.caught;
  power.reached.push_back(reached);
}

}  // namespace

double DefectPower::size_reached(double share) const {
  if (reached.empty()) return 0;
  std::vector<int> sorted = reached;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const auto needed = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  const int rank = sorted[std::max<size_t>(1, needed) - 1];
  return rank < 0 ? 0 : defect->sizes[static_cast<size_t>(rank)];
}

PowerProbe::PowerProbe(int trials) : trials_(trials) {
  for (const Defect& defect : all_defects()) powers_.push_back({.defect = &defect});
}

void PowerProbe::try_product(const JudgedCall& judged, const Product& product, DefectPower& power) {
  const Defect& defect = *power.defect;
  if (defect.applies != nullptr && !defect.applies(product.w)) return;
  for (int trial = 0; trial < trials_; ++trial) {
    const uint64_t draw = draw_++;
    try_sizes(judged, power,
              [&](double size) { return changed(defect.make(product, draw, size), product.w.rows); });
  }
}

void PowerProbe::try_rounding(const JudgedCall& judged, DefectPower& power) {
  try_sizes(judged, power, [&](double bits) { return rounded(judged.values, bits); });
}

void PowerProbe::look_at(const JudgedCall& judged) {
  Margins margins;
  for (size_t i = 0; i < judged.values.size(); ++i) {
    margins.add(judged.values[i], judged.judgement.oracle[i], judged.judgement.bounds(i));
  }
  if (!passes(margins.verdict())) return;
  const OpCall& c = judged.call;
  const bool is_product = c.op == "matmul";
  for (DefectPower& power : powers_) {
    if (power.defect->reach == Reach::any_op) {
      try_rounding(judged, power);
    } else if (is_product) {
      try_product(judged, {judged.judgement.x, *c.weight, judged.values}, power);
    }
  }
}

}  // namespace kilter
