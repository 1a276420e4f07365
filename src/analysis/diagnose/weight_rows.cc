#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/diagnose/outcome.h"
#include "analysis/judge/float_rounding.h"
#include "quant/codec.h"

namespace kilter::analysis {
namespace {

// Rows of one weight: the dump's numbers, and those of a reading.
class WeightRows {
 public:
  WeightRows(const ObservedWeight& seen, const Weight& weight, Elements elements)
      : seen_(seen), weight_(weight), elements_(std::move(elements)) {}

  bool sizes_agree() const {
    return seen_.cols == weight_.cols && seen_.first_row >= 0 && seen_.rows >= 0 &&
           seen_.first_row + seen_.rows <= weight_.rows &&
           elements_.values.size() == static_cast<size_t>(seen_.rows * seen_.cols) &&
           (elements_.complete() || elements_.known.size() == elements_.values.size());
  }

  template <typename DecodeRow>
  int64_t wrong_under(const DecodeRow& decode_row, const ShortFloat* stored) const {
    int64_t wrong = 0;
    std::vector<float> row(static_cast<size_t>(seen_.cols));
    for (int64_t r = 0; r < seen_.rows; ++r) {
      if (!decode_row(seen_.first_row + r, std::span<float>(row)).ok()) return count();
      for (size_t i = 0; i < row.size(); ++i) {
        const size_t at = static_cast<size_t>(r * seen_.cols) + i;
        if (!elements_.complete() && elements_.known[at] == 0) continue;
        const float right = stored == nullptr ? row[i] : round_to(*stored, row[i]);
        const double off = std::abs(double{elements_.values[at]} - double{right});
        // One rounding: decoders may round the sum of a code and a minimum in f32, or not at all.
        const double most = std::abs(double{right}) * kUnit + seen_.quantum / 2 * (1 + 1e-6);
        if (!(off <= most)) ++wrong;
      }
    }
    return wrong;
  }

  int64_t count() const {
    if (elements_.complete()) return static_cast<int64_t>(elements_.values.size());
    return std::count_if(elements_.known.begin(), elements_.known.end(), [](uint8_t k) { return k != 0; });
  }
  int64_t wrong(const ShortFloat* stored = nullptr) const {
    return wrong_under(
        [&](int64_t row, std::span<float> out) { return quant::decode(weight_.type, weight_.row(row), out); },
        stored);
  }
  int64_t wrong(const Reading& reading) const {
    return wrong_under(
        [&](int64_t row, std::span<float> out) { return reading.decode_row(weight_, row, out); }, nullptr);
  }

 private:
  const ObservedWeight& seen_;
  const Weight& weight_;
  Elements elements_;
};

struct NamedReading {
  const Bug* bug = nullptr;
  std::string detail;
};

// Every reading that gives all the numbers, by rank of its bug.
std::vector<NamedReading> readings_that_fit(const WeightRows& rows, const Weight& weight,
                                            const ReplayModel& model, std::span<const Bug* const> bugs) {
  std::vector<NamedReading> found;
  for (const Bug* bug : bugs) {
    const auto* weight_bug = dynamic_cast<const WeightBug*>(bug);
    if (weight_bug == nullptr) continue;
    for (const Reading& reading : weight_bug->readings(weight, model)) {
      if (rows.wrong(reading) == 0) found.push_back({bug, reading.detail});
    }
  }
  return found;
}

void add_named(const std::vector<NamedReading>& found, const std::string& tensor, const WeightResult& result,
               Diagnosis& diagnosis) {
  const BugInfo& info = found.front().bug->info();
  for (Finding& finding : diagnosis.findings) {
    if (finding.bug != info.id) continue;
    finding.weights.push_back(tensor);
    return;
  }
  Finding finding{
      .bug = std::string(info.id),
      .title = std::string(info.title),
      .cause = std::string(info.cause),
      .detail = found.front().detail,
      .fix = std::string(info.fix),
      .page = fmt::format("docs/bugs/{}.md", info.id),
      .at = {},
      .weights = {tensor},
      .margin_before = static_cast<double>(result.wrong),
      .margin_after = 0,
      .evidence = fmt::format("of {} dumped numbers of {} (from row {}), {} are not what the file says; "
                              "read with this bug, all of them are as dumped",
                              result.elements, tensor, result.first_row, result.wrong),
      .ties = {},
      .next_measurement = std::string(info.next_measurement),
      .pattern = {}};
  for (const NamedReading& other : found) {
    const bool listed = std::any_of(finding.ties.begin(), finding.ties.end(),
                                    [&](const Tie& tie) { return tie.bug == other.bug->info().id; });
    if (other.bug == found.front().bug || listed) continue;
    finding.ties.push_back(
        {std::string(other.bug->info().id), std::string(other.bug->info().title), other.detail});
  }
  // Weights come before everything that is made from them.
  diagnosis.findings.insert(diagnosis.findings.begin(), std::move(finding));
}

void add_unnamed(const std::string& tensor, const WeightResult& result, Diagnosis& diagnosis) {
  diagnosis.findings.insert(
      diagnosis.findings.begin(),
      Finding{.bug = "",
              .title = "Wrong weights that no known bug explains",
              .cause =
                  fmt::format("The dumped rows of {} are not what the file says, and no known way to misread "
                              "them gives these numbers.",
                              tensor),
              .detail = "",
              .fix = fmt::format("Put your decoder beside `kilter explain MODEL --tensor {}`.", tensor),
              .page = "",
              .at = {},
              .weights = {tensor},
              .margin_before = static_cast<double>(result.wrong),
              .margin_after = static_cast<double>(result.wrong),
              .evidence = fmt::format("{} of {} numbers differ", result.wrong, result.elements),
              .ties = {},
              .next_measurement = "",
              .pattern = {}});
}

}  // namespace

Status add_weights(const ReplayModel& model, const Dump& dump, std::span<const Bug* const> bugs,
                   Diagnosis& diagnosis) {
  for (const ObservedWeight& seen : dump.weights) {
    const Weight* weight = model.weight(seen.tensor);
    if (weight == nullptr) {
      diagnosis.notes.push_back({seen.source, "the model has no tensor " + seen.tensor});
      continue;
    }
    KILTER_ASSIGN(Elements elements, seen.load());
    const WeightRows rows(seen, *weight, std::move(elements));
    if (!rows.sizes_agree()) {
      diagnosis.notes.push_back(
          {seen.source, fmt::format("{} is [{}, {}], and the dumped rows do not lie in it", seen.tensor,
                                    weight->rows, weight->cols)});
      continue;
    }
    WeightResult result{.tensor = seen.tensor,
                        .first_row = seen.first_row,
                        .rows = seen.rows,
                        .equal = false,
                        .explanation = "",
                        .wrong = rows.wrong(),
                        .elements = rows.count()};
    result.equal = result.wrong == 0;
    if (!result.equal && rows.wrong(&kBf16) == 0) result.explanation = "stored in bf16";
    if (!result.equal && rows.wrong(&kF16) == 0) result.explanation = "stored in f16";
    if (!result.equal && result.explanation.empty()) {
      const std::vector<NamedReading> found = readings_that_fit(rows, *weight, model, bugs);
      if (found.empty()) {
        add_unnamed(seen.tensor, result, diagnosis);
      } else {
        result.explanation = std::string(found.front().bug->info().id);
        add_named(found, seen.tensor, result, diagnosis);
      }
    }
    diagnosis.weights.push_back(std::move(result));
  }
  return {};
}

}  // namespace kilter::analysis
