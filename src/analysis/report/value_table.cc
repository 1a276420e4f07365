#include "analysis/report/value_table.h"

#include <algorithm>

#include "analysis/report/layout.h"
#include "analysis/report/numbers.h"
#include "analysis/report/words.h"

namespace kilter::analysis {
namespace {

constexpr std::ptrdiff_t kBefore = 3;
constexpr std::ptrdiff_t kBehind = 4;
constexpr size_t kLargest = 6;

// Whether an error is injected here.
bool wrong(const ValueResult& value) {
  return value.verdict == ValueVerdict::bug || value.verdict == ValueVerdict::unexplained;
}

void add_row(Columns& columns, const ValueResult& value) {
  const Score& score = exact_score(value);
  std::vector<std::string> cells = {
      to_string(value.at), value.op, "-", "-", "-", "-", "-", printable_text(verdict_text(value))};
  if (score.compared > 0) {
    cells[5] = margin_text(exact_margin(value));
    cells[6] = margin_text(score.nmse);
  }
  if (has_worst_place(score)) {
    cells[2] = place_text(value, score.worst);
    cells[3] = number_text(score.worst.seen);
    cells[4] = number_text(score.worst.expected);
  }
  columns.add(std::move(cells), wrong(value) ? Columns::Mark::here : Columns::Mark::none);
}

Columns empty_table() {
  return Columns({"value", "op", "worst place", ">seen", ">expected", ">margin", ">nmse", "verdict"});
}

std::string largest_margins(const Diagnosis& d) {
  std::vector<const ValueResult*> values;
  for (const ValueResult& value : d.values) {
    if (exact_score(value).compared > 0) values.push_back(&value);
  }
  if (values.empty()) return {};
  const auto end = values.begin() + static_cast<std::ptrdiff_t>(std::min(kLargest, values.size()));
  std::partial_sort(values.begin(), end, values.end(), [](const ValueResult* a, const ValueResult* b) {
    if (exact_margin(*a) != exact_margin(*b)) return exact_margin(*a) > exact_margin(*b);
    return AtOrder()(a->at, b->at);
  });
  Columns columns = empty_table();
  std::for_each(values.begin(), end, [&](const ValueResult* value) { add_row(columns, *value); });
  return columns.text();
}

}  // namespace

std::string value_table(const Diagnosis& d) {
  const auto first = std::find_if(d.values.begin(), d.values.end(), wrong);
  if (first == d.values.end()) return largest_margins(d);
  Columns columns = empty_table();
  const auto begin = first - std::min(kBefore, first - d.values.begin());
  const auto end = first + std::min(kBehind + 1, d.values.end() - first);
  std::for_each(begin, end, [&](const ValueResult& value) { add_row(columns, value); });
  return columns.text();
}

std::string every_value_table(const Diagnosis& d) {
  if (d.values.empty()) return {};
  Columns columns = empty_table();
  for (const ValueResult& value : d.values) add_row(columns, value);
  return columns.text();
}

}  // namespace kilter::analysis
