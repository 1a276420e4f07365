#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

#include "analysis/report/html_report.h"
#include "analysis/report/json_report.h"
#include "analysis/report/layout.h"
#include "analysis/report/numbers.h"
#include "analysis/report/text_report.h"
#include "analysis/report/words.h"
#include "example_diagnoses.h"

namespace kilter::analysis {
namespace {

namespace json = boost::json;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Diagnosis example(std::string_view name) {
  for (ExampleDiagnosis& e : example_diagnoses()) {
    if (e.name == name) return e.diagnosis;
  }
  ADD_FAILURE() << "no example " << name;
  return {};
}

std::string golden(const std::string& name) {
  std::ifstream file(std::string(KILTER_TEST_DATA) + "/report/goldens/" + name + ".txt");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// As a program reads it: written out, and parsed again.
json::object parsed(const Diagnosis& d) {
  return json::parse(json::serialize(diagnosis_json(d))).as_object();
}

ValueResult with_margins(std::vector<double> margins, std::vector<int32_t> rows) {
  ValueResult value;
  value.exact.compared = 1;
  value.exact.row_margins = std::move(margins);
  value.rows = std::move(rows);
  return value;
}

// The goldens were read by a person; a report that changes on purpose is read again.
TEST(TextReport, OfEachOutcome) {
  for (const ExampleDiagnosis& e : example_diagnoses()) {
    EXPECT_EQ(diagnosis_text(e.diagnosis, {.width = 100, .docs = ""}), golden(e.name)) << e.name;
  }
}

TEST(TextReport, KeepsToItsWidth) {
  for (const size_t width : {40U, 72U, 100U}) {
    for (const std::string& line : lines_of(diagnosis_text(example("bug"), {.width = width}))) {
      const bool cell = line.find("  matmul") != line.npos || line.find("  rope") != line.npos;
      if (cell || line.find("  worst place") != line.npos || line.find("token 2, element 17") != line.npos ||
          line.find("attention_mix") != line.npos) {
        continue;  // the table
      }
      EXPECT_LE(character_count(line), width) << line;
    }
  }
}

TEST(TextReport, EveryValue) {
  const Diagnosis d = example("bug");
  const std::string few = diagnosis_text(d, {});
  const std::string all = diagnosis_text(d, {.every_value = true});
  for (const ValueResult& v : d.values) {
    EXPECT_NE(all.find("\n  " + to_string(v.at) + " "), all.find("\n> " + to_string(v.at) + " "))
        << to_string(v.at);
  }
  EXPECT_EQ(few.find("blk.20.ffn_down "), few.npos);
}

TEST(TextReport, LinksPagesBelowTheGivenPlace) {
  const std::string text = diagnosis_text(example("bug"), {.docs = "share/kilter/"});
  EXPECT_NE(text.find("Page      share/kilter/docs/bugs/rope-pairs.md\n"), text.npos);
}

TEST(TextReport, ShortensLongLists) {
  Diagnosis d = example("clean");
  for (int i = 0; i < 40; ++i) d.notes.push_back({"name" + std::to_string(i), "is no value of this model"});
  const std::string text = diagnosis_text(d, {});
  EXPECT_NE(text.find("name7"), text.npos);
  EXPECT_EQ(text.find("name8"), text.npos);
  EXPECT_NE(text.find("  ... and 32 more; --values lists all\n"), text.npos);
  EXPECT_NE(diagnosis_text(d, {.every_value = true}).find("name39"), text.npos);
}

// An engine that is wrong everywhere fills no screens.
TEST(TextReport, HasALineEachForErrorsBehindTheThird) {
  Diagnosis d = example("bug");
  Finding error = d.findings[2];
  for (int il = 10; il < 15; ++il) {
    error.at = {at(il, Point::ffn_down)};
    d.findings.push_back(error);
  }
  const std::string text = diagnosis_text(d, {});
  EXPECT_NE(text.find("5. A wrong value that no known bug explains\n   Where     blk.11.ffn_down\n"),
            text.npos);
  EXPECT_NE(
      text.find(
          "\n6. blk.12.ffn_down: off by 42.7 bounds at token 2, element 17; no known bug explains it\n"),
      text.npos);
  EXPECT_EQ(text.find("Where     blk.12.ffn_down"), text.npos);
  EXPECT_NE(diagnosis_text(d, {.every_value = true}).find("Where     blk.14.ffn_down"), text.npos);
}

TEST(TextReport, ShowsForeignNamesWithoutObeyingThem) {
  const std::string text = diagnosis_text(
      hostile_diagnosis("a\x1b[31mb\nc\rd\x07\x7f\xc2\x9b\xe2\x80\xae\xff"), {.every_value = true});
  for (const char c : text) {
    ASSERT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << static_cast<int>(c);
    ASSERT_NE(c, '\x7f');
  }
  EXPECT_NE(text.find("a\\x1b[31mb\\x0ac\\x0dd\\x07\\x7f\\xc2\\x9b\\xe2\\x80\\xae\xef\xbf\xbd"), text.npos);
}

TEST(TextReport, NothingAtAll) {
  EXPECT_EQ(lines_of(diagnosis_text({}, {})).front(),
            "Nothing was compared: the dump holds no value of this model.");
}

TEST(ReportNumbers, Margins) {
  EXPECT_EQ(margin_text(0), "0");
  EXPECT_EQ(margin_text(4.2e-7), "4.2e-07");
  EXPECT_EQ(margin_text(0.2134), "0.213");
  EXPECT_EQ(margin_text(1), "1");
  EXPECT_EQ(margin_text(999.4), "999");
  EXPECT_EQ(margin_text(1000), "1000");
  EXPECT_EQ(margin_text(9999.4), "9999");
  EXPECT_EQ(margin_text(16031), "1.6e+04");
  EXPECT_EQ(margin_text(kInfinity), "infinite");
  EXPECT_EQ(margin_text(-kNan), "nan");
  EXPECT_EQ(bounds_text(1), "1 bound");
  EXPECT_EQ(bounds_text(0), "0 bounds");
}

TEST(ReportNumbers, Others) {
  EXPECT_EQ(number_text(0.731264), "0.731264");
  EXPECT_EQ(number_text(-1e-9), "-1e-09");
  EXPECT_EQ(number_text(-kNan), "nan");
  EXPECT_EQ(grouped_text(0), "0");
  EXPECT_EQ(grouped_text(-999), "-999");
  EXPECT_EQ(grouped_text(-1000), "-1,000");
  EXPECT_EQ(grouped_text(3211264), "3,211,264");
  EXPECT_EQ(counted_text(1, "value"), "1 value");
  EXPECT_EQ(counted_text(1200, "value"), "1,200 values");
}

TEST(ReportNumbers, Names) {
  EXPECT_EQ(printable_text("Qcur-0 (ROPE)"), "Qcur-0 (ROPE)");
  EXPECT_EQ(printable_text("abcdef", 4), "abcd...");
  EXPECT_EQ(printable_text("abcd", 4), "abcd");
  EXPECT_EQ(printable_text("abc\xc3\xa9", 4), "abc...");  // no half character
  EXPECT_EQ(printable_text("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(printable_text(std::string(1 << 20, 'x')).size(), 163U);
  EXPECT_EQ(sentence_text("off by 3 bounds"), "Off by 3 bounds.");
  EXPECT_EQ(sentence_text("blk.0.attn_q is off"), "blk.0.attn_q is off.");
  EXPECT_EQ(sentence_text("attn_q is off."), "attn_q is off.");
  EXPECT_EQ(sentence_text(""), "");
}

TEST(ReportWords, TokensThatAreWrong) {
  EXPECT_EQ(tokens_sentence(with_margins({0.1, 1, 0}, {})), "");
  EXPECT_EQ(tokens_sentence(with_margins({0.1, 2, 3}, {})), "from token 1 on");
  EXPECT_EQ(tokens_sentence(with_margins({2, 2, kInfinity}, {})), "at every token");
  EXPECT_EQ(tokens_sentence(with_margins({2, 2}, {4, 5})), "at every token from 4 on");
  EXPECT_EQ(tokens_sentence(with_margins({0, kNan, 0}, {7, 8, 9})), "at token 8");
  EXPECT_EQ(tokens_sentence(with_margins({0, 2, 0, 2, 0}, {})), "at 2 of 5 tokens, token 1 first");
  EXPECT_EQ(tokens_sentence(with_margins({5}, {4})), "at token 4");
}

TEST(ReportWords, Places) {
  const std::vector<At> few = {at(0, Point::attn_q), at(1, Point::attn_q)};
  EXPECT_EQ(places_text(few), "blk.0.attn_q and blk.1.attn_q");
  const std::vector<At> many = {at(0, Point::attn_q), at(0, Point::attn_k), at(1, Point::attn_q),
                                at(1, Point::attn_k), at(3, Point::attn_q), at(3, Point::attn_k),
                                at(2, Point::ffn_up), at(Point::logits)};
  EXPECT_EQ(places_text(many),
            "blk.0.attn_q first; logits; attn_q, attn_k in layers 0-1, 3; ffn_up in layer 2");
  ValueResult heads;
  heads.shape = {32, 64};
  EXPECT_EQ(place_text(heads, {.token = 3, .element = 130}), "token 3, head 2, element 2");
  heads.shape = {2048};
  EXPECT_EQ(place_text(heads, {.token = 3, .element = 130}), "token 3, element 130");
  EXPECT_EQ(place_text(heads, {}), "the printed sum");
}

TEST(ReportWords, HeadlinesOfWhatIsNotABug) {
  Diagnosis d;
  d.outcome = Outcome::nothing_compared;
  d.coverage = {.of_model = 291, .seen = 1};
  EXPECT_EQ(headline(d),
            "Nothing was compared: the dump has 1 value of this model, and nothing that it is made from.");
  d.outcome = Outcome::clean;
  d.coverage = {.of_model = 291, .seen = 1, .compared = 1};
  EXPECT_EQ(headline(d),
            "No bug found. The 1 of 291 values that was compared follows from the values in front of it.");
  d.coverage.compared = 291;
  EXPECT_EQ(headline(d),
            "No bug found. The 291 values that were compared follow from the values in front of them.");
  d.coverage.compared = 0;
  EXPECT_EQ(headline(d), "No bug found: the rows of weights that were compared are right.");
}

TEST(ReportWords, HeadlinesOfBugs) {
  Diagnosis d;
  d.outcome = Outcome::bug;
  d.findings.resize(1);
  d.findings[0].bug = "q4-order";
  d.findings[0].weights = {"blk.0.attn_q.weight"};
  EXPECT_EQ(headline(d), "1 bug found. First wrong weight: blk.0.attn_q.weight.");
  d.findings[0].weights.clear();  // of the token ids, say
  EXPECT_EQ(headline(d), "1 bug found.");
  d.findings[0].bug.clear();
  d.findings[0].at = {at(3, Point::ffn_up)};  // not among the values
  EXPECT_EQ(headline(d), "1 error located, and no known bug explains it. First wrong value: blk.3.ffn_up.");
}

TEST(JsonReport, HasWhatWasFound) {
  const json::object o = parsed(example("bug"));
  EXPECT_EQ(o.at("verdict").as_string(), "bug");
  const json::array& findings = o.at("findings").as_array();
  ASSERT_EQ(findings.size(), 3U);
  const json::object& rope = findings[0].as_object();
  EXPECT_EQ(rope.at("bug").as_string(), "rope-pairs");
  EXPECT_EQ(rope.at("op").as_string(), "rope");
  EXPECT_EQ(rope.at("tokens_beyond").as_string(), "from token 1 on");
  EXPECT_EQ(rope.at("at").as_array().size(), 44U);
  EXPECT_EQ(rope.at("at").as_array()[0].as_string(), "blk.0.attn_q_rope");
  EXPECT_EQ(rope.at("margin_before").to_number<double>(), 16031);
  EXPECT_EQ(rope.at("margin_after").to_number<double>(), 0.2134);
  EXPECT_EQ(rope.at("ties").as_array()[0].as_object().at("bug").as_string(), "qk-rows");
  EXPECT_EQ(findings[1].as_object().at("margin_before").as_string(), "inf");
  EXPECT_TRUE(findings[2].as_object().at("bug").is_null());
  EXPECT_EQ(findings[2].as_object().at("pattern").as_array().size(), 2U);
  EXPECT_EQ(o.at("coverage").as_object().at("unmatched").to_number<int>(), 12);
  EXPECT_EQ(o.at("their_top").to_number<int>(), 20780);
  EXPECT_EQ(o.at("values").as_array().size(), 333U);
  EXPECT_FALSE(o.at("hyper_parameters").as_array()[0].as_object().at("equal").as_bool());
}

TEST(JsonReport, ShowsAValueUnderBothHypotheses) {
  const json::object o = parsed(example("bug"));
  const json::object& v = o.at("values").as_array()[3].as_object();
  EXPECT_EQ(v.at("name").as_string(), "blk.0.attn_q_rope");
  EXPECT_EQ(v.at("verdict").as_string(), "bug");
  EXPECT_EQ(v.at("explanation").as_string(), "rope-pairs");
  EXPECT_EQ(v.at("exact").as_object().at("margin").to_number<double>(), 16031);
  EXPECT_LT(v.at("explained").as_object().at("margin").to_number<double>(), 1);
  EXPECT_EQ(v.at("exact").as_object().at("row_margins").as_array().size(), 5U);
  EXPECT_EQ(v.at("row_tokens").as_array()[4].to_number<int>(), 4);
  EXPECT_EQ(v.at("histogram").as_array().size(), 11U);
}

TEST(JsonReport, HasNoWorstPlaceOfAnExactValue) {
  Diagnosis d = example("clean");
  for (Score* score : {&d.values[2].score, &d.values[2].exact}) score->worst = {};
  const json::object o = parsed(d);
  const json::object& v = o.at("values").as_array()[2].as_object();
  EXPECT_TRUE(v.at("exact").as_object().at("worst").is_null());
  EXPECT_NE(diagnosis_text(d, {.every_value = true}).find(" matmul         -   "),
            std::string::npos);
}

TEST(JsonReport, WritesWhatJsonCannot) {
  Diagnosis d = hostile_diagnosis("x\xff");
  d.values[2].exact.nmse = kNan;
  d.values[2].exact.row_margins[0] = -kInfinity;
  d.their_top = -1;
  const json::object o = parsed(d);
  const json::array& values = o.at("values").as_array();
  EXPECT_TRUE(values[1].as_object().at("global_nmse").is_null());
  EXPECT_EQ(values[2].as_object().at("exact").as_object().at("nmse").as_string(), "nan");
  EXPECT_EQ(values[2].as_object().at("exact").as_object().at("row_margins").as_array()[0].as_string(),
            "-inf");
  EXPECT_EQ(o.at("dump").as_object().at("path").as_string(), "x\xef\xbf\xbd");
  EXPECT_TRUE(o.at("their_top").is_null());
  EXPECT_TRUE(o.at("top_gap").is_null());
}

// Every outcome has the same keys: a program need not ask which are there.
TEST(JsonReport, HasTheSameKeysAlways) {
  std::set<std::string> keys;
  for (const ExampleDiagnosis& e : example_diagnoses()) {
    std::set<std::string> these;
    for (const auto& member : parsed(e.diagnosis)) these.emplace(member.key());
    if (keys.empty()) keys = these;
    EXPECT_EQ(these, keys) << e.name;
  }
  EXPECT_EQ(keys.size(), 18U);
}

// What a parser makes of the pages is looked at by report/check_pages.py.
TEST(HtmlReport, IsOnePageWithoutAnyPlaceholderLeft) {
  for (const ExampleDiagnosis& e : example_diagnoses()) {
    const std::string page = diagnosis_html(e.diagnosis);
    EXPECT_EQ(page.find("{{"), page.npos) << e.name;
    EXPECT_NE(page.find("<title>"), page.npos);
    EXPECT_EQ(page.find("http"), page.npos) << e.name;
  }
}

TEST(HtmlReport, KeepsTheLargestMarginOfAGroup) {
  Diagnosis d = long_diagnosis(512);
  ValueResult& v = d.values[1];
  v.exact.row_margins.assign(512, 0.5);
  v.exact.row_margins[100] = 77.7;  // tokens 96 to 103 are group 12
  v.exact.row_margins[510] = kNan;
  const std::string page = diagnosis_html(d);
  EXPECT_NE(page.find("[11,5E-1],[12,7.77E1],[13,5E-1]"), page.npos);
  EXPECT_NE(page.find("[63,\"inf\"]"), page.npos);
}

TEST(HtmlReport, OfNothing) { EXPECT_NE(diagnosis_html({}).find("Nothing was compared"), std::string::npos); }

}  // namespace
}  // namespace kilter::analysis
