#include "analysis/report/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "analysis/report/numbers.h"

namespace kilter::analysis {
namespace {

bool beyond(double margin) { return !(margin <= 1); }  // a NaN is

// "at blk.0.attn_q (matmul), from token 1 on"
std::string named_value(const Diagnosis& d, At at) {
  const ValueResult* value = value_at(d, at);
  std::string text = to_string(at);
  if (value == nullptr) return text;
  if (!value->op.empty()) text += fmt::format(" ({})", value->op);
  const std::string tokens = tokens_sentence(*value);
  return tokens.empty() ? text : text + ", " + tokens;
}

std::string where_sentence(const Diagnosis& d) {
  const auto& findings = d.findings;
  const auto seen =
      std::find_if(findings.begin(), findings.end(), [](const Finding& f) { return !f.at.empty(); });
  if (seen != findings.end()) return fmt::format(" First wrong value: {}.", named_value(d, seen->at.front()));
  const auto read =
      std::find_if(findings.begin(), findings.end(), [](const Finding& f) { return !f.weights.empty(); });
  if (read == findings.end()) return {};
  return fmt::format(" First wrong weight: {}.", printable_text(read->weights.front()));
}

std::string bugs_headline(const Diagnosis& d) {
  const auto unknown =
      std::count_if(d.findings.begin(), d.findings.end(), [](const Finding& f) { return f.bug.empty(); });
  const auto known = static_cast<std::ptrdiff_t>(d.findings.size()) - unknown;
  std::string text;
  if (known > 0) {
    text = counted_text(known, "bug") + " found";
    if (unknown > 0)
      text += fmt::format(", and {} that no known bug explains", counted_text(unknown, "error"));
    text += ".";
  } else {
    text = counted_text(unknown, "error") + " located, and no known bug explains " +
           (unknown == 1 ? "it." : "them.");
  }
  return text + where_sentence(d);
}

// "the 143 of 291 values that were compared"
std::string compared_values(const Coverage& c) {
  const bool all = c.compared >= c.of_model;
  return fmt::format(
      "{} {} that {} compared",
      all ? grouped_text(c.compared) : grouped_text(c.compared) + " of " + grouped_text(c.of_model),
      c.of_model == 1 ? "value" : "values", c.compared == 1 ? "was" : "were");
}

std::string clean_headline(const Diagnosis& d) {
  if (d.coverage.compared == 0) return "No bug found: the rows of weights that were compared are right.";
  return fmt::format("No bug found. The {} {} from the values in front of {}.", compared_values(d.coverage),
                     d.coverage.compared == 1 ? "follows" : "follow",
                     d.coverage.compared == 1 ? "it" : "them");
}

std::string explained_headline(const Diagnosis& d) {
  std::string text =
      fmt::format("No bug found. The {} {} from the values in front of {}", compared_values(d.coverage),
                  d.coverage.compared == 1 ? "follows" : "follow", d.coverage.compared == 1 ? "it" : "them");
  const size_t n = d.explanations.size();
  if (n == 0) return text + ", with a rounding that honest engines make.";
  return text + (n == 1 ? ", with one rounding that honest engines make: " + d.explanations[0].sentence + "."
                        : fmt::format(", with {} roundings that honest engines make.", n));
}

std::string undecided_headline(const Diagnosis& d) {
  const ValueResult* doubtful = nullptr;
  for (const ValueResult& value : d.values) {
    if (value.verdict == ValueVerdict::doubtful && doubtful == nullptr) doubtful = &value;
  }
  if (doubtful == nullptr) return "Undecided: nothing is wrong beyond doubt, and not everything is right.";
  return fmt::format(
      "Undecided. The first doubtful value is {}: {} from what it should be, more than f32 arithmetic is "
      "expected to "
      "be off by, and still within what it can be off by.",
      named_value(d, doubtful->at), bounds_text(exact_margin(*doubtful)));
}

std::string nothing_headline(const Diagnosis& d) {
  const Coverage& c = d.coverage;
  if (c.seen > 0) {
    return fmt::format("Nothing was compared: the dump has {} of this model, and nothing that {} made from.",
                       counted_text(c.seen, "value"), c.seen == 1 ? "it is" : "they are");
  }
  if (c.unmatched > 0) {
    return fmt::format("Nothing was compared: none of the {} in the dump is a value of this model.",
                       counted_text(c.unmatched, "name"));
  }
  return "Nothing was compared: the dump holds no value of this model.";
}

// {1, 2, 3, 7} as "1-3, 7"
std::string ranges_text(std::span<const int> layers) {
  std::string text;
  for (size_t i = 0; i < layers.size();) {
    size_t last = i;
    while (last + 1 < layers.size() && layers[last + 1] == layers[last] + 1) ++last;
    if (i != 0) text += ", ";
    text += last == i ? fmt::format("{}", layers[i]) : fmt::format("{}-{}", layers[i], layers[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace

std::string headline(const Diagnosis& d) {
  switch (d.outcome) {
    case Outcome::bug:
      return bugs_headline(d);
    case Outcome::clean:
      return clean_headline(d);
    case Outcome::explained:
      return explained_headline(d);
    case Outcome::undecided:
      return undecided_headline(d);
    case Outcome::nothing_compared:
      break;
  }
  return nothing_headline(d);
}

std::string coverage_sentence(const Coverage& c) {
  std::string text =
      fmt::format("{} of {} compared", grouped_text(c.compared), counted_text(c.of_model, "value"));
  if (c.unmatched > 0) text += fmt::format(", {} unmatched", counted_text(c.unmatched, "name"));
  if (c.cannot_say > 0) text += fmt::format(", {} cannot say", grouped_text(c.cannot_say));
  return text + fmt::format("; {}.", counted_text(c.elements, "number"));
}

std::string next_token_sentence(const Diagnosis& d) {
  if (d.their_top < 0 && d.right_top < 0) return {};
  if (d.right_top < 0) return fmt::format("The engine's most likely next token is {}.", d.their_top);
  if (d.their_top < 0) return fmt::format("The right most likely next token is {}.", d.right_top);
  if (d.their_top == d.right_top) {
    return fmt::format("The most likely next token is {}, in the engine and rightly.", d.their_top);
  }
  const std::string both =
      fmt::format("The engine's most likely next token is {}; the right one is {}", d.their_top, d.right_top);
  if (!std::isfinite(d.top_gap)) return both + ".";
  return d.top_gap > 1 ? fmt::format("{}, by {}: rounding does not explain it.", both, bounds_text(d.top_gap))
                       : fmt::format("{}, but only by {}: at this precision either may come first.", both,
                                     bounds_text(d.top_gap));
}

const ValueResult* value_at(const Diagnosis& d, At at) {
  const auto found = std::find_if(d.values.begin(), d.values.end(),
                                  [&](const ValueResult& value) { return value.at == at; });
  return found == d.values.end() ? nullptr : &*found;
}

const ValueResult* first_value(const Diagnosis& d, const Finding& finding) {
  return finding.at.empty() ? nullptr : value_at(d, finding.at.front());
}

bool worth_details(const Diagnosis& d, size_t i) {
  constexpr std::ptrdiff_t kInFull = 3;
  if (!d.findings[i].bug.empty()) return true;
  const auto unknown = std::count_if(d.findings.begin(), d.findings.begin() + static_cast<std::ptrdiff_t>(i),
                                     [](const Finding& f) { return f.bug.empty(); });
  return unknown < kInFull;
}

const Score& exact_score(const ValueResult& value) {
  return value.exact.compared > 0 ? value.exact : value.score;
}

double exact_margin(const ValueResult& value) {
  return value.exact.compared > 0 ? value.exact.margin : value.exact_margin;
}

bool has_worst_place(const Score& score) {
  return score.compared > 0 && (score.worst.token >= 0 || score.worst.bound > 0);
}

int32_t token_of(const ValueResult& value, size_t row) {
  return row < value.rows.size() ? value.rows[row] : static_cast<int32_t>(row);
}

std::string tokens_sentence(const ValueResult& value) {
  const std::vector<double>& margins = exact_score(value).row_margins;
  const auto wrong = std::count_if(margins.begin(), margins.end(), beyond);
  if (wrong == 0) return {};
  const auto first =
      static_cast<size_t>(std::find_if(margins.begin(), margins.end(), beyond) - margins.begin());
  const auto rows = static_cast<std::ptrdiff_t>(margins.size());
  const int32_t token = token_of(value, first);
  if (wrong == 1) return fmt::format("at token {}", token);
  if (wrong == rows) return token == 0 ? "at every token" : fmt::format("at every token from {} on", token);
  if (wrong == rows - static_cast<std::ptrdiff_t>(first)) return fmt::format("from token {} on", token);
  return fmt::format("at {} of {} tokens, token {} first", wrong, rows, token);
}

std::string place_text(const ValueResult& value, const Place& place) {
  if (place.token < 0) return "the printed sum";
  if (value.shape.size() != 2 || value.shape[1] <= 0) {
    return fmt::format("token {}, element {}", place.token, place.element);
  }
  return fmt::format("token {}, head {}, element {}", place.token, place.element / value.shape[1],
                     place.element % value.shape[1]);
}

std::string places_text(std::span<const At> at) {
  constexpr size_t kNamed = 3;
  std::string text;
  if (at.size() <= kNamed) {
    for (size_t i = 0; i < at.size(); ++i) {
      text += (i == 0 ? "" : i + 1 == at.size() ? " and " : ", ") + to_string(at[i]);
    }
    return text;
  }
  std::map<Point, std::vector<int>> layers;
  for (const At place : at) layers[place.point].push_back(place.il);
  std::map<std::string, std::string> names;  // by where they are
  for (auto& [point, list] : layers) {
    std::sort(list.begin(), list.end());
    std::string& together = names[list.front() < 0 ? "" : ranges_text(list)];
    together += (together.empty() ? "" : ", ") + std::string(point_info(point).name);
  }
  text = to_string(at.front()) + " first;";
  for (const auto& [where, together] : names) {
    text += (text.ends_with(';') ? " " : "; ") + together;
    if (!where.empty())
      text += fmt::format(" in layer{} {}", where.find_first_of("-,") == where.npos ? "" : "s", where);
  }
  return text;
}

std::string verdict_text(const ValueResult& value) {
  std::string text(to_string(value.verdict));
  std::replace(text.begin(), text.end(), '_', ' ');
  return value.explanation.empty() ? text : text + ": " + value.explanation;
}

std::string margins_sentence(const Diagnosis& d, const Finding& finding) {
  std::string text = std::isfinite(finding.margin_before) ? "off by " + bounds_text(finding.margin_before)
                                                          : "off by more than any bound";
  const ValueResult* value = first_value(d, finding);
  if (value != nullptr && has_worst_place(exact_score(*value))) {
    text += " at " + place_text(*value, exact_score(*value).worst);
  }
  return finding.bug.empty()
             ? text
             : fmt::format("{}; with this bug put in, by {}", text, margin_text(finding.margin_after));
}

}  // namespace kilter::analysis
