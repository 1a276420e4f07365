#include <algorithm>

#include "analysis/bugs/bug.h"
#include "analysis/report/json_report.h"
#include "analysis/report/text_report.h"
#include "cli/command.h"
#include "cli/diagnose/judged_dump.h"
#include "cli/json_text.h"
#include "cli/model_path.h"
#include "cli/output.h"

namespace kilter::cli {
namespace {

const CommandInfo kInfo = {
    .name = "diagnose",
    .summary = "Say which value of another engine went wrong first, and why",
    .description =
        "Reads what an engine dumped of its run on MODEL, computes every value again from the engine's own "
        "numbers, and finds the first that does not follow. Then each bug of the catalogue (docs/bugs) is "
        "tried: the "
        "one that makes the value follow is named, and the search goes on behind it, so that several bugs at "
        "once are "
        "found one after the other. Roundings that honest engines do (8-bit activations, f16 caches, bf16) "
        "are tried "
        "before the word bug.\n\n"
        "A dump may be anything from all values to ten numbers of one, or logits alone; "
        "docs/dump-your-engine.md "
        "says how to make one. Several files are the passes of one run: the prompt, then decode steps. "
        "Formats: "
        "safetensors, npz and npy, raw f32 with a JSON file, the text of llama.cpp's eval-callback, "
        "Polygraphy.",
    .examples = {{"kilter diagnose model.gguf dump.safetensors", "what is wrong with that engine"},
                 {"kilter diagnose model.gguf prompt.npz step.npz --ids 1,450,7",
                  "a prompt and a decode step"},
                 {"kilter diagnose model.gguf logits.npy -p 'Hello'", "logits alone, and the text"},
                 {"kilter diagnose model.gguf dump.safetensors --html report.html", "a page to look at"}},
    .exits = {{ExitCode::ok, "every value that was compared follows, perhaps with known roundings"},
              {ExitCode::negative, "a bug was found, named or only located"}},
};

class Diagnose : public Command {
 public:
  const CommandInfo& info() const override { return kInfo; }

  std::vector<Option> options() override {
    std::vector<Option> rows = {
        {.names = "MODEL",
         .target = &model_,
         .help = "The GGUF file that the engine ran, or a spec that `kilter pull` has fetched.",
         .completes = Completes::model},
        {.names = "DUMP",
         .target = &dumps_,
         .help = "What it dumped: one file, or one a pass.",
         .completes = Completes::file}};
    const auto add = [&rows](std::vector<Option> more) { rows.insert(rows.end(), more.begin(), more.end()); };
    add(dump_.rows());
    add(report_.rows());
    return rows;
  }

  Result<ExitCode> run(Context& context) override {
    KILTER_ASSIGN(const std::string path, find_model(model_, context.environment));
    KILTER_ASSIGN(const auto model, AnalysedModel::load(path));
    KILTER_ASSIGN(const ReadDump read, read_dump_of(*model, dumps_, dump_));
    KILTER_ASSIGN(const analysis::Diagnosis diagnosis,
                  judge_dump(*model, read, analysis::all_bugs(), report_.threads_or_all()));
    KILTER_TRY(write_html(report_, diagnosis));
    context.out.write(report_.json
                          ? json_text(analysis::diagnosis_json(diagnosis))
                          : analysis::diagnosis_text(diagnosis, {.every_value = report_.every_value}));
    return exit_code_of(diagnosis.outcome);
  }

 private:
  std::string model_;
  std::vector<std::string> dumps_;
  DumpOptions dump_;
  ReportOptions report_;
};

}  // namespace

std::unique_ptr<Command> make_diagnose() { return std::make_unique<Diagnose>(); }

}  // namespace kilter::cli
