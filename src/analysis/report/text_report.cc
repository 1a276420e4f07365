#include "analysis/report/text_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "analysis/report/layout.h"
#include "analysis/report/numbers.h"
#include "analysis/report/value_table.h"
#include "analysis/report/words.h"

namespace kilter::analysis {
namespace {

constexpr size_t kShortList = 8;

std::string joined(std::span<const std::string> parts, std::string_view between) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += between;
    text += part;
  }
  return text;
}

// Builds the report section by section.
class TextReport {
 public:
  TextReport(const Diagnosis& d, const TextOptions& options)
      : d_(d), options_(options), width_(std::max<size_t>(options.width, 40)) {}

  std::string run() {
    text_ = paragraph("", headline(d_), width_);
    for (size_t i = 0; i < d_.findings.size(); ++i) finding(i);
    compared();
    next_token();
    explanations();
    hyper_parameters();
    weights();
    values();
    cannot_say();
    notes("Looks wrong, and is right", d_.normal);
    notes("How the dump was read", d_.notes);
    sentences("What this dump cannot show", d_.unseen);
    return std::move(text_);
  }

 private:
  void section(std::string_view title) { text_ += fmt::format("\n{}\n", title); }
  void item(std::string_view text) { text_ += paragraph("  - ", printable_text(text, 2000), width_); }
  void labelled(std::string_view label, std::string_view text) {
    if (!text.empty())
      text_ += paragraph(fmt::format("   {:<9} ", label), printable_text(text, 2000), width_);
  }
  size_t shown(size_t n) const { return options_.every_value || n <= kShortList + 1 ? n : kShortList; }
  void and_more(size_t n) {
    if (shown(n) < n) text_ += fmt::format("  ... and {} more; --values lists all\n", n - shown(n));
  }

  void finding(size_t i) {
    const Finding& f = d_.findings[i];
    if (!options_.every_value && !worth_details(d_, i)) {
      const std::string line =
          fmt::format("{}: {}; no known bug explains it", places(f), margins_sentence(d_, f));
      text_ += "\n" + paragraph(fmt::format("{}. ", i + 1), printable_text(line, 2000), width_);
      return;
    }
    const std::string id = f.bug.empty() ? "" : " [" + printable_text(f.bug) + "]";
    text_ += "\n" + paragraph(fmt::format("{}. ", i + 1), printable_text(f.title, 2000) + id, width_);
    labelled("Where", places(f));
    labelled("Cause", sentence_text(f.cause));
    labelled("Measured", sentence_text(f.detail));
    labelled("Fix", sentence_text(f.fix));
    for (const std::string& pattern : f.pattern) labelled("Pattern", sentence_text(pattern));
    labelled("Evidence", sentence_text(f.evidence));
    if (!f.at.empty() && !names_worst_place(f)) labelled("Margin", sentence_text(margins_sentence(d_, f)));
    ties(f);
    if (!f.next_measurement.empty()) {
      labelled(f.ties.empty() ? "To see" : "To tell", sentence_text(f.next_measurement));
    }
    if (!f.page.empty()) labelled("Page", options_.docs + f.page);
  }

  // Whether the evidence says already how far it is off, and where.
  bool names_worst_place(const Finding& f) const {
    const ValueResult* value = first_value(d_, f);
    if (value == nullptr || !has_worst_place(exact_score(*value))) return false;
    const Place& worst = exact_score(*value).worst;
    return f.evidence.find(fmt::format("token {}, element {}:", worst.token, worst.element)) !=
           f.evidence.npos;
  }

  static std::string places(const Finding& f) {
    std::string text = places_text(f.at);
    if (f.weights.empty()) return text;
    const std::span<const std::string> few(f.weights.data(), std::min<size_t>(f.weights.size(), 3));
    text += (text.empty() ? "" : "; ") + joined(few, ", ");
    if (few.size() < f.weights.size())
      text += fmt::format(" and {} more weights", f.weights.size() - few.size());
    return text;
  }

  void ties(const Finding& f) {
    for (size_t i = 0; i < f.ties.size(); ++i) {
      const Tie& tie = f.ties[i];
      std::string text = fmt::format("{} [{}]", tie.title, tie.bug);
      if (!tie.detail.empty()) text += ": " + tie.detail;
      labelled(i == 0 ? "Or else" : "", sentence_text(text));
    }
    if (!f.ties.empty()) {
      labelled("", f.ties.size() == 1 ? "This dump cannot tell the two apart."
                                      : "This dump cannot tell these apart.");
    }
  }

  void compared() {
    section("Compared");
    labelled("Values", sentence_text(coverage_sentence(d_.coverage)));
    labelled("Model", named(d_.model_name, d_.model_path));
    labelled("Dump", named(d_.producer, d_.dump_path));
    labelled("Tokens", tokens());
  }

  static std::string named(const std::string& name, const std::string& path) {
    if (name.empty() || path.empty()) return name + path;
    return fmt::format("{} ({})", path, name);
  }

  std::string tokens() const {
    if (d_.tokens.empty()) return "not known";
    constexpr size_t kShown = 12;
    std::string text = counted_text(static_cast<int64_t>(d_.tokens.size()), "token") + ":";
    for (size_t i = 0; i < std::min(kShown, d_.tokens.size()); ++i) text += fmt::format(" {}", d_.tokens[i]);
    if (d_.tokens.size() > kShown) text += " ...";
    if (d_.passes.size() < 2) return text;
    std::vector<std::string> passes;
    for (size_t i = 0; i < std::min(kShown, d_.passes.size()); ++i)
      passes.push_back(std::to_string(d_.passes[i]));
    if (d_.passes.size() > kShown) passes.emplace_back("...");
    return text + fmt::format("; in passes of {}", joined(passes, ", "));
  }

  void next_token() {
    const std::string text = next_token_sentence(d_);
    if (text.empty()) return;
    section("Next token");
    text_ += paragraph("   ", text, width_);
  }

  void explanations() {
    if (d_.explanations.empty()) return;
    section("Roundings that honest engines make");
    for (const Explanation& e : d_.explanations) {
      item(fmt::format("{} [{}]: {}", e.sentence, e.id, counted_text(e.values, "value")));
    }
  }

  void hyper_parameters() {
    std::vector<const HyperParameter*> differing;
    for (const HyperParameter& h : d_.hyper_parameters) {
      if (!h.equal) differing.push_back(&h);
    }
    const auto equal = static_cast<int64_t>(d_.hyper_parameters.size() - differing.size());
    if (d_.hyper_parameters.empty()) return;
    section("Hyper-parameters");
    for (const HyperParameter* h : differing) {
      item(fmt::format("{}: the engine has {}, the file {}", h->key, h->theirs, h->ours));
    }
    if (equal > 0)
      item(counted_text(equal, "number") + (equal == 1 ? " agrees" : " agree") + " with the file");
  }

  void weights() {
    if (d_.weights.empty()) return;
    section("Rows of weights");
    std::vector<std::string> wrong;
    int64_t right = 0;
    for (const WeightResult& w : d_.weights) {
      if (w.equal && w.explanation.empty()) {
        ++right;
      } else {
        wrong.push_back(weight_sentence(w));
      }
    }
    for (size_t i = 0; i < shown(wrong.size()); ++i) item(wrong[i]);
    and_more(wrong.size());
    if (right > 0)
      item(counted_text(right, "dumped part") + (right == 1 ? " is" : " are") + " as the format defines");
  }

  static std::string weight_sentence(const WeightResult& w) {
    const std::string rows = w.rows == 1 ? fmt::format("row {}", w.first_row)
                                         : fmt::format("rows {}-{}", w.first_row, w.first_row + w.rows - 1);
    const std::string explanation = w.explanation.empty() ? "" : " [" + w.explanation + "]";
    if (w.equal) return fmt::format("{}, {}: right{}", w.tensor, rows, explanation);
    return fmt::format("{}, {}: {} of {} wrong{}", w.tensor, rows, grouped_text(w.wrong),
                       counted_text(w.elements, "element"), explanation);
  }

  void values() {
    const std::string table = options_.every_value ? every_value_table(d_) : value_table(d_);
    if (table.empty()) return;
    section(options_.every_value         ? "Every value of the dump, in the order of the pass"
            : d_.outcome == Outcome::bug ? "Around the first wrong value"
                                         : "Largest margins");
    text_ += table;
    text_ += paragraph("  ", kTableLegend, width_);
  }

  // Values that could not be judged, by reason.
  void cannot_say() {
    std::map<std::string, std::vector<At>> values;
    for (const ValueResult& v : d_.values) {
      if (v.verdict == ValueVerdict::cannot_say) values[v.why].push_back(v.at);
    }
    if (values.empty()) return;
    section("Cannot say");
    size_t left = shown(values.size());
    for (const auto& [why, at] : values) {
      if (left-- == 0) break;
      item(sentence_text(places_text(at) + (why.empty() ? "" : ": " + why)));
    }
    and_more(values.size());
  }

  void notes(std::string_view title, const std::vector<Note>& notes) {
    if (notes.empty()) return;
    section(title);
    for (size_t i = 0; i < shown(notes.size()); ++i) {
      const std::string subject = printable_text(notes[i].subject);
      item(sentence_text(subject.empty() ? notes[i].sentence : subject + ": " + notes[i].sentence));
    }
    and_more(notes.size());
  }

  void sentences(std::string_view title, const std::vector<std::string>& list) {
    if (list.empty()) return;
    section(title);
    for (size_t i = 0; i < shown(list.size()); ++i) item(sentence_text(list[i]));
    and_more(list.size());
  }

  const Diagnosis& d_;
  const TextOptions& options_;
  size_t width_;
  std::string text_;
};

}  // namespace

std::string diagnosis_text(const Diagnosis& d, const TextOptions& options) {
  return TextReport(d, options).run();
}

}  // namespace kilter::analysis
