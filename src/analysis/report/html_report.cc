#include "analysis/report/html_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <limits>

#include "analysis/report/json_report.h"
#include "analysis/report/numbers.h"
#include "analysis/report/page.h"
#include "analysis/report/text_report.h"
#include "analysis/report/words.h"

namespace kilter::analysis {
namespace {

namespace json = boost::json;

constexpr int32_t kMostGroups = 64;  // of tokens, in the page
constexpr size_t kMostTokens = 4096;
constexpr int kDigits = 7;        // an f32 seldom needs more to be recognised
constexpr int kMarginDigits = 3;  // of rows, which are only drawn

double rounded(double x, int digits) {
  const std::string text = fmt::format("{:.{}g}", x, digits);
  double result = x;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

// Rounds every number below `value`.
void round_numbers(json::value& value) {
  if (auto* object = value.if_object()) {
    for (auto& member : *object) round_numbers(member.value());
  } else if (auto* array = value.if_array()) {
    for (json::value& element : *array) round_numbers(element);
  } else if (auto* number = value.if_double()) {
    *number = rounded(*number, kDigits);
  }
}

int32_t last_token(const Diagnosis& d) {
  int32_t last = 0;
  for (const ValueResult& v : d.values) {
    const size_t rows = exact_score(v).row_margins.size();
    for (size_t row = 0; row < rows; ++row) last = std::max(last, token_of(v, row));
  }
  return last;
}

// The margins of a value by group of tokens: [group, largest margin], one for each group that has a row.
json::array grouped_margins(const ValueResult& v, int32_t group_size) {
  json::array groups;
  const std::vector<double>& margins = exact_score(v).row_margins;
  int32_t group = -1;
  double largest = 0;
  const auto close = [&] {
    if (group < 0) return;
    groups.push_back({group, std::isfinite(largest) ? json::value(rounded(largest, kMarginDigits)) : "inf"});
  };
  for (size_t row = 0; row < margins.size(); ++row) {
    const int32_t next = std::max(token_of(v, row), 0) / group_size;
    if (next != group) {
      close();
      group = next;
      largest = 0;
    }
    largest =
        std::isnan(margins[row]) ? std::numeric_limits<double>::infinity() : std::max(largest, margins[row]);
  }
  close();
  return groups;
}

// The texts of a finding as sentences.
void make_sentences(json::object& finding) {
  for (const char* key : {"cause", "detail", "fix", "evidence", "next_measurement"}) {
    const std::string text(finding[key].as_string());
    finding[key] = sentence_text(text);
  }
  for (json::value& pattern : finding["pattern"].as_array()) {
    const std::string text(pattern.as_string());
    pattern = sentence_text(text);
  }
}

// What the scripts of the page read: diagnosis_json with less of each value, and with the sentences that the
// reports share.
json::object page_data(const Diagnosis& d) {
  json::object data = diagnosis_json(d);
  const int32_t group_size = last_token(d) / kMostGroups + 1;
  data["group_size"] = group_size;
  data["n_tokens"] = last_token(d) + 1;
  data["coverage_sentence"] = coverage_sentence(d.coverage);
  data["next_token_sentence"] = next_token_sentence(d);
  json::array& tokens = data["tokens"].as_array();
  if (tokens.size() > kMostTokens) tokens.resize(kMostTokens);
  json::array& findings = data["findings"].as_array();
  for (size_t i = 0; i < findings.size(); ++i) {
    json::object& finding = findings[i].as_object();
    finding["places"] = places_text(d.findings[i].at);
    finding["margins"] = sentence_text(margins_sentence(d, d.findings[i]));
    finding["open"] = worth_details(d, i);
    make_sentences(finding);
  }
  json::array& values = data["values"].as_array();
  for (size_t i = 0; i < values.size(); ++i) {
    json::object& value = values[i].as_object();
    value["explained_margin"] = value["explained"].as_object()["margin"];
    value.erase("explained");
    value.erase("row_tokens");
    json::object& exact = value["exact"].as_object();
    exact.erase("row_margins");
    value["groups"] = grouped_margins(d.values[i], group_size);
    value["formula"] = json::string(point_info(d.values[i].at.point).formula);
    value["point"] = json::string(point_info(d.values[i].at.point).name);
  }
  json::value whole(std::move(data));
  round_numbers(whole);
  return std::move(whole.as_object());
}

// No `<` and no `&` in the text of a script element: nothing in it can end the element, or begin a comment.
std::string script_json(const json::object& data) {
  std::string text;
  for (const char c : json::serialize(data)) {
    if (c == '<' || c == '>' || c == '&') {
      text += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      text += c;
    }
  }
  return text;
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '&':
        result += "&amp;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

struct Filling {
  std::string_view name;
  std::string text;
};

// The template with each {{name}} replaced. What was put in is not looked at again.
std::string filled(std::string_view page, std::span<const Filling> fillings) {
  std::string result;
  for (size_t at = 0; at < page.size();) {
    const size_t open = std::min(page.find("{{", at), page.size());
    result += page.substr(at, open - at);
    at = open;
    if (open == page.size()) break;
    const size_t close = page.find("}}", open);
    const std::string_view name = page.substr(open + 2, close - open - 2);
    const auto filling =
        std::find_if(fillings.begin(), fillings.end(), [&](const Filling& f) { return f.name == name; });
    if (filling != fillings.end()) result += filling->text;
    at = close + 2;
  }
  return result;
}

}  // namespace

std::string diagnosis_html(const Diagnosis& d) {
  const std::string title = printable_text(d.dump_path.empty() ? "kilter" : d.dump_path);
  const std::array<Filling, 5> fillings = {{{"title", escaped(title)},
                                            {"style", std::string(page_css())},
                                            {"text", escaped(diagnosis_text(d, {}))},
                                            {"data", script_json(page_data(d))},
                                            {"script", std::string(page_js())}}};
  return filled(page_html(), fillings);
}

}  // namespace kilter::analysis
