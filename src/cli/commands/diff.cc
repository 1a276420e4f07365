#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/bugs/bug.h"
#include "analysis/diff/compare_dumps.h"
#include "analysis/report/json_report.h"
#include "analysis/report/text_report.h"
#include "cli/command.h"
#include "cli/diagnose/judged_dump.h"
#include "cli/json_text.h"
#include "cli/model_path.h"
#include "cli/output.h"
#include "cli/table.h"

namespace kilter::cli {
namespace {

using analysis::DumpComparison;
using analysis::PairedValue;

const CommandInfo kInfo = {
    .name = "diff",
    .summary = "Compare two dumps of one run, and judge them by the model",
    .description =
        "Token ids first: dumps of different prompts are refused. Then every value that both have: how many "
        "numbers "
        "are equal, the largest difference and where it is. With --model both dumps are judged value by "
        "value from "
        "their own inputs, so that what went wrong is told from what only passes it on, and bugs "
        "are named as by `kilter diagnose`.\n\n"
        "Either dump may come from any engine (docs/dump-your-engine.md), or from `kilter trace`.",
    .examples = {{"kilter diff mine.safetensors theirs.safetensors", "where two runs part"},
                 {"kilter diff kilter.safetensors llama.safetensors --model model.gguf",
                  "which of them is right"},
                 {"kilter diff a.safetensors b.npz --model model.gguf --html diff.html",
                  "a page to look at"}},
    .exits = {{ExitCode::ok,
               "equal but for f32 roundings; with --model: both follow, perhaps with known roundings"},
              {ExitCode::negative, "with --model: a value of A or B does not follow"},
              {ExitCode::undecided, "they differ, and without --model nobody can say which is right"}},
};

boost::json::value number_or_text(double x) {
  if (std::isfinite(x)) return x;
  return std::isnan(x) ? "nan" : "inf";
}

boost::json::array names_json(const std::vector<At>& names) {
  boost::json::array array;
  for (const At at : names) array.push_back(boost::json::value(to_string(at)));
  return array;
}

boost::json::object comparison_json(const DumpComparison& comparison) {
  boost::json::array values;
  for (const PairedValue& v : comparison.values) {
    values.push_back({{"name", to_string(v.at)},
                      {"compared", v.compared},
                      {"equal", v.equal},
                      {"max_abs", number_or_text(v.max_abs)},
                      {"nmse", number_or_text(v.nmse)},
                      {"cosine", number_or_text(v.cosine)},
                      {"token", v.token},
                      {"element", v.element},
                      {"a", number_or_text(v.a)},
                      {"b", number_or_text(v.b)}});
  }
  const PairedValue* first = comparison.first_different();
  return {{"values", std::move(values)},
          {"only_a", names_json(comparison.only_a)},
          {"only_b", names_json(comparison.only_b)},
          {"first_different",
           first == nullptr ? boost::json::value(nullptr) : boost::json::value(to_string(first->at))}};
}

// The first values that differ, or all.
std::string comparison_text(const DumpComparison& comparison, bool every_value) {
  constexpr size_t kShown = 12;
  const PairedValue* first = comparison.first_different();
  std::string text = first == nullptr ? fmt::format("{} values in both, equal but for f32 roundings.\n",
                                                    comparison.values.size())
                                      : fmt::format("{} values in both; the first that differs is {}.\n",
                                                    comparison.values.size(), to_string(first->at));
  if (!comparison.only_a.empty() || !comparison.only_b.empty()) {
    text += fmt::format("{} values are in A alone, {} in B alone.\n", comparison.only_a.size(),
                        comparison.only_b.size());
  }
  size_t begin = 0;
  if (first != nullptr && !every_value) begin = static_cast<size_t>(first - comparison.values.data());
  begin = begin > 2 ? begin - 2 : 0;
  const size_t end =
      every_value ? comparison.values.size() : std::min(comparison.values.size(), begin + kShown);
  text += fmt::format("\n  {:<26} {:>12} {:>12} {:>10} {:>10} {:>22} {:>14} {:>14}\n", "value", "compared",
                      "equal", "NMSE", "cosine", "largest difference at", "A", "B");
  for (size_t i = begin; i < end; ++i) {
    const PairedValue& v = comparison.values[i];
    text += fmt::format("  {:<26} {:>12} {:>12} {:>10.2g} {:>10.6f} {:>22} {:>14.7g} {:>14.7g}\n",
                        to_string(v.at), v.compared, v.equal, v.nmse, v.cosine,
                        fmt::format("token {} [{}]", v.token, v.element), v.a, v.b);
  }
  if (end - begin < comparison.values.size()) text += "  (--values shows all)\n";
  return text;
}

class Diff : public Command {
 public:
  const CommandInfo& info() const override { return kInfo; }

  std::vector<Option> options() override {
    std::vector<Option> rows = {
        {.names = "A", .target = &a_, .help = "A dump.", .completes = Completes::file},
        {.names = "B", .target = &b_, .help = "Another dump of the same run.", .completes = Completes::file},
        {.names = "--model",
         .value = "MODEL",
         .target = &model_,
         .help = "The GGUF file that both ran, or a spec that `kilter pull` has fetched.",
         .completes = Completes::model}};
    const auto add = [&rows](std::vector<Option> more) { rows.insert(rows.end(), more.begin(), more.end()); };
    add(dump_.rows());
    add(report_.rows());
    return rows;
  }

  Result<ExitCode> run(Context& context) override {
    if (model_) return judge_both(context);
    if (report_.html) {
      return Error{ErrorCode::usage, "--html", "shows how values are judged, which needs the model",
                   "add --model"};
    }
    analysis::DumpContext unknown;
    unknown.name_map = dump_.map;
    const std::vector<std::string> path_a{a_};
    const std::vector<std::string> path_b{b_};
    KILTER_ASSIGN(const analysis::Dump a, analysis::read_dump(path_a, unknown));
    KILTER_ASSIGN(const analysis::Dump b, analysis::read_dump(path_b, unknown));
    KILTER_ASSIGN(const DumpComparison comparison, analysis::compare_dumps(a, b));
    context.out.write(report_.json ? json_text(comparison_json(comparison))
                                   : comparison_text(comparison, report_.every_value));
    if (comparison.values.empty()) return ExitCode::nothing_compared;
    return comparison.first_different() == nullptr ? ExitCode::ok : ExitCode::undecided;
  }

 private:
  Result<ExitCode> judge_both(Context& context) {
    KILTER_ASSIGN(const std::string path, find_model(*model_, context.environment));
    KILTER_ASSIGN(const auto model, AnalysedModel::load(path));
    const std::vector<std::string> path_a{a_};
    const std::vector<std::string> path_b{b_};
    KILTER_ASSIGN(const ReadDump a, read_dump_of(*model, path_a, dump_));
    KILTER_ASSIGN(const ReadDump b, read_dump_of(*model, path_b, dump_));
    if (a.right_ids || b.right_ids) {
      return Error{ErrorCode::mismatch, "token ids", "the dumps are of other ids than those that were given",
                   "run both on the same ids: different prompts have nothing to compare"};
    }
    KILTER_ASSIGN(const DumpComparison comparison, analysis::compare_dumps(a.dump, b.dump));
    KILTER_ASSIGN(const analysis::Diagnosis of_a,
                  judge_dump(*model, a, analysis::all_bugs(), report_.threads_or_all()));
    KILTER_ASSIGN(const analysis::Diagnosis of_b,
                  judge_dump(*model, b, analysis::all_bugs(), report_.threads_or_all()));
    KILTER_TRY(write_html(report_, of_b));
    if (report_.json) {
      boost::json::object report = comparison_json(comparison);
      report["a"] = analysis::diagnosis_json(of_a);
      report["b"] = analysis::diagnosis_json(of_b);
      context.out.write(json_text(report));
    } else {
      context.out.write(comparison_text(comparison, report_.every_value));
      context.out.write("\n==== A: " + a_ + "\n" +
                        analysis::diagnosis_text(of_a, {.every_value = report_.every_value}));
      context.out.write("\n==== B: " + b_ + "\n" +
                        analysis::diagnosis_text(of_b, {.every_value = report_.every_value}));
    }
    return worse(of_a.outcome, of_b.outcome);
  }

  static ExitCode worse(analysis::Outcome a, analysis::Outcome b) {
    if (a == analysis::Outcome::bug || b == analysis::Outcome::bug) return ExitCode::negative;
    const ExitCode of_a = exit_code_of(a);
    return of_a == ExitCode::ok ? exit_code_of(b) : of_a;
  }

  std::string a_;
  std::string b_;
  std::optional<std::string> model_;
  DumpOptions dump_;
  ReportOptions report_;
};

}  // namespace

std::unique_ptr<Command> make_diff() { return std::make_unique<Diff>(); }

}  // namespace kilter::cli
