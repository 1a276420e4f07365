#include "analysis/report/json_report.h"

#include <boost/json.hpp>
#include <cmath>

#include "analysis/report/numbers.h"
#include "analysis/report/words.h"

namespace kilter::analysis {
namespace {

namespace json = boost::json;

json::string text(std::string_view s) { return json::string(utf8_text(s)); }

json::value number(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  return x;
}

template <typename List, typename Make>
json::array array_of(const List& list, Make make) {
  json::array array;
  array.reserve(list.size());
  for (const auto& element : list) array.push_back(make(element));
  return array;
}

json::array strings(const std::vector<std::string>& list) {
  return array_of(list, [](const std::string& s) { return json::value(text(s)); });
}

json::value worst_place(const ValueResult& value, const Score& s) {
  if (!has_worst_place(s)) return nullptr;
  const Place& p = s.worst;
  return json::object{
      {"token", p.token},       {"element", p.element},           {"text", text(place_text(value, p))},
      {"seen", number(p.seen)}, {"expected", number(p.expected)}, {"bound", number(p.bound)}};
}

json::object score(const ValueResult& value, const Score& s) {
  return {{"compared", s.compared},
          {"equal", s.equal},
          {"beyond", s.beyond},
          {"incomparable", s.incomparable},
          {"margin", number(s.margin)},
          {"guaranteed_margin", number(s.guaranteed_margin)},
          {"checksum_margin", number(s.checksum_margin)},
          {"nmse", number(s.nmse)},
          {"cosine", number(s.cosine)},
          {"worst", worst_place(value, s)},
          {"row_margins", array_of(s.row_margins, number)}};
}

json::array row_tokens(const ValueResult& value) {
  json::array tokens;
  for (size_t row = 0; row < exact_score(value).row_margins.size(); ++row)
    tokens.push_back(token_of(value, row));
  return tokens;
}

json::object value_object(const ValueResult& v) {
  return {{"name", to_string(v.at)},
          {"layer", v.at.il},
          {"op", text(v.op)},
          {"source", text(v.source)},
          {"match", text(v.match)},
          {"verdict", to_string(v.verdict)},
          {"explanation", text(v.explanation)},
          {"why", text(v.why)},
          {"tokens_beyond", text(tokens_sentence(v))},
          {"exact", score(v, exact_score(v))},
          {"explained", score(v, v.score)},
          {"row_tokens", row_tokens(v)},
          {"shape", array_of(v.shape, [](int64_t n) { return json::value(n); })},
          {"histogram", array_of(v.histogram, [](int64_t n) { return json::value(n); })},
          {"global_nmse", std::isnan(v.global_nmse) ? json::value(nullptr) : number(v.global_nmse)},
          {"elements", v.elements},
          {"seen_rms", number(v.seen_rms)}};
}

json::value finding_object(const Diagnosis& d, const Finding& f) {
  const ValueResult* first = first_value(d, f);
  return json::object{
      {"bug", f.bug.empty() ? json::value(nullptr) : json::value(text(f.bug))},
      {"title", text(f.title)},
      {"cause", text(f.cause)},
      {"detail", text(f.detail)},
      {"fix", text(f.fix)},
      {"page", text(f.page)},
      {"at", array_of(f.at, [](At at) { return json::value(to_string(at)); })},
      {"op", first == nullptr ? json::value(nullptr) : json::value(text(first->op))},
      {"tokens_beyond", text(first == nullptr ? "" : tokens_sentence(*first))},
      {"weights", strings(f.weights)},
      {"margin_before", number(f.margin_before)},
      {"margin_after", f.bug.empty() ? json::value(nullptr) : number(f.margin_after)},
      {"evidence", text(f.evidence)},
      {"ties",
       array_of(
           f.ties,
           [](const Tie& t) {
             return json::value{{"bug", text(t.bug)}, {"title", text(t.title)}, {"detail", text(t.detail)}};
           })},
      {"next_measurement", text(f.next_measurement)},
      {"pattern", strings(f.pattern)}};
}

json::object coverage_object(const Coverage& c) {
  return {{"of_model", c.of_model},     {"seen", c.seen},           {"compared", c.compared},
          {"cannot_say", c.cannot_say}, {"unmatched", c.unmatched}, {"elements", c.elements}};
}

json::value weight_object(const WeightResult& w) {
  return json::object{{"tensor", text(w.tensor)}, {"first_row", w.first_row},           {"rows", w.rows},
                      {"equal", w.equal},         {"explanation", text(w.explanation)}, {"wrong", w.wrong},
                      {"elements", w.elements}};
}

json::array notes(const std::vector<Note>& list) {
  return array_of(list, [](const Note& n) {
    return json::value{{"subject", text(n.subject)}, {"sentence", text(n.sentence)}};
  });
}

json::value token(int32_t id) { return id < 0 ? json::value(nullptr) : json::value(id); }

}  // namespace

json::object diagnosis_json(const Diagnosis& d) {
  const bool both_tops = d.their_top >= 0 && d.right_top >= 0;
  return {{"verdict", to_string(d.outcome)},
          {"headline", text(headline(d))},
          {"dump", {{"path", text(d.dump_path)}, {"producer", text(d.producer)}}},
          {"model", {{"path", text(d.model_path)}, {"name", text(d.model_name)}}},
          {"tokens", array_of(d.tokens, [](int32_t id) { return json::value(id); })},
          {"passes", array_of(d.passes, [](int64_t n) { return json::value(n); })},
          {"findings", array_of(d.findings, [&](const Finding& f) { return finding_object(d, f); })},
          {"coverage", coverage_object(d.coverage)},
          {"their_top", token(d.their_top)},
          {"right_top", token(d.right_top)},
          {"top_gap", both_tops ? number(d.top_gap) : json::value(nullptr)},
          {"explanations",
           array_of(
               d.explanations,
               [](const Explanation& e) {
                 return json::value{{"id", text(e.id)}, {"sentence", text(e.sentence)}, {"values", e.values}};
               })},
          {"hyper_parameters", array_of(d.hyper_parameters,
                                        [](const HyperParameter& h) {
                                          return json::value{{"key", text(h.key)},
                                                             {"theirs", text(h.theirs)},
                                                             {"ours", text(h.ours)},
                                                             {"equal", h.equal}};
                                        })},
          {"weights", array_of(d.weights, weight_object)},
          {"values", array_of(d.values, [](const ValueResult& v) { return json::value(value_object(v)); })},
          {"normal", notes(d.normal)},
          {"notes", notes(d.notes)},
          {"unseen", strings(d.unseen)}};
}

}  // namespace kilter::analysis
