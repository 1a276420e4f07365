#include "numerics/verdict.h"

#include <cmath>
#include <limits>

namespace kilter {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::exact:
      return "exact";
    case Verdict::within_guarantee:
      return "within guarantee";
    case Verdict::cannot_say:
      return "cannot say";
    case Verdict::outside_expectation:
      return "outside expectation";
    case Verdict::outside_guarantee:
      break;
  }
  return "outside guarantee";
}

double margin(float value, float oracle, double bound) {
  if (value == oracle) return 0;
  const double error = std::abs(double{value} - double{oracle});
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : error / bound;
}

Verdict judge(float value, float oracle, const Bounds& bounds) {
  if (value == oracle) return Verdict::exact;
  const bool says_something = bounds.guaranteed >= 0 && std::isfinite(bounds.guaranteed);
  if (std::isnan(oracle) || !says_something) return Verdict::cannot_say;
  const double error = std::abs(double{value} - double{oracle});
  if (!(error <= bounds.guaranteed)) return Verdict::outside_guarantee;
  return error <= bounds.expected ? Verdict::within_guarantee : Verdict::outside_expectation;
}

void Margins::add(float value, float oracle, const Bounds& bounds) {
  const Verdict verdict = judge(value, oracle, bounds);
  const int64_t at = elements++;
  switch (verdict) {
    case Verdict::exact:
      ++exact;
      return;
    case Verdict::cannot_say:
      ++cannot_say;
      return;
    case Verdict::outside_expectation:
      ++outside_expectation;
      break;
    case Verdict::outside_guarantee:
      ++outside_guarantee;
      break;
    case Verdict::within_guarantee:
      break;
  }
  const double of_guaranteed = margin(value, oracle, bounds.guaranteed);
  if (of_guaranteed > worst) {
    worst = of_guaranteed;
    worst_at = at;
  }
  worst_of_expected = std::fmax(worst_of_expected, margin(value, oracle, bounds.expected));
}

void Margins::append(const Margins& more) {
  if (more.worst > worst) {
    worst = more.worst;
    worst_at = elements + more.worst_at;
  }
  worst_of_expected = std::fmax(worst_of_expected, more.worst_of_expected);
  elements += more.elements;
  exact += more.exact;
  cannot_say += more.cannot_say;
  outside_expectation += more.outside_expectation;
  outside_guarantee += more.outside_guarantee;
}

double Margins::share_outside() const {
  if (elements == 0) return 0;
  return static_cast<double>(outside_expectation + outside_guarantee) / static_cast<double>(elements);
}

Verdict Margins::verdict() const {
  if (outside_guarantee != 0) return Verdict::outside_guarantee;
  if (outside_expectation != 0) return Verdict::outside_expectation;
  if (cannot_say != 0 || elements == 0) return Verdict::cannot_say;
  return exact == elements ? Verdict::exact : Verdict::within_guarantee;
}

}  // namespace kilter
