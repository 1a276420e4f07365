#include "cli/diagnose/judged_dump.h"

#include <algorithm>
#include <numeric>

#include "analysis/diagnose/search.h"
#include "analysis/diagnose/token_ids.h"
#include "analysis/report/html_report.h"
#include "base/atomic_file.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/prompt.h"
#include "engine/backend_choice.h"
#include "engine/loaded_model.h"

namespace kilter::cli {
namespace {

Result<std::vector<int64_t>> parse_passes(const std::string& text) {
  if (text.empty()) return std::vector<int64_t>();
  KILTER_ASSIGN(const std::vector<int32_t> numbers, parse_ids(text));
  for (const int32_t n : numbers) {
    if (n <= 0)
      return Error{ErrorCode::usage, "--passes", "a pass has at least one token", "as in --passes 5,1"};
  }
  return std::vector<int64_t>(numbers.begin(), numbers.end());
}

}  // namespace

std::vector<Option> DumpOptions::rows() {
  return {
      {.names = "-p,--prompt",
       .value = "TEXT",
       .target = &text,
       .help = "The text that the engine was given: its token ids are compared with the right ones first."},
      {.names = "--ids",
       .value = "IDS",
       .target = &ids,
       .help = "Token ids of the whole run, where the dump does not say: 1,450."},
      {.names = "--passes",
       .value = "NUMBERS",
       .target = &passes,
       .help =
           "Tokens of each pass, where the dump does not say: 5,1 is a prompt of five and one decode step."},
      {.names = "--map",
       .value = "FILE",
       .target = &map,
       .help = "Names of the dump in kilter's words: lines `their name = our name`.",
       .completes = Completes::file}};
}

std::vector<Option> ReportOptions::rows() {
  return {{.names = "--values", .target = &every_value, .help = "A row for every value of the dump."},
          {.names = "--html",
           .value = "FILE",
           .target = &html,
           .help = "Also writes the report as one page for a browser.",
           .completes = Completes::file},
          {.names = "-t,--threads",
           .value = "N",
           .target = &threads,
           .help = "Threads; the answer does not depend on it. Without it: one a processor.",
           .range = {.min = 1, .max = 1024}},
          json_option(json)};
}

Result<ReadDump> read_dump_of(const AnalysedModel& model, std::span<const std::string> paths,
                              const DumpOptions& options) {
  analysis::DumpContext context = model.dump_context();
  std::vector<int32_t> given;
  if (options.text && !options.ids.empty()) {
    return Error{ErrorCode::usage, "--ids", "is given together with -p", "give one of them"};
  }
  if (!options.ids.empty()) {
    KILTER_ASSIGN(given, parse_ids(options.ids));
  }
  if (options.text) {
    KILTER_ASSIGN(const auto tokenizer, model.tokenizer());
    given = tokenizer->encode(*options.text, {});
  }
  KILTER_ASSIGN(context.passes, parse_passes(options.passes));
  context.name_map = options.map;
  context.tokens = given;
  ReadDump read;
  Result<analysis::Dump> dump = analysis::read_dump(paths, context);
  if (!dump.ok() && !given.empty() && dump.error().code == ErrorCode::mismatch) {
    // The dump has ids of its own, and they are others: that is a finding, not an obstacle.
    context.tokens.clear();
    dump = analysis::read_dump(paths, context);
  }
  if (!dump.ok()) return std::move(dump).error();
  read.dump = std::move(*dump);
  KILTER_TRY(check_ids(model.model(), read.dump.tokens));
  const bool same = given.empty() || (given.size() <= read.dump.tokens.size() &&
                                      std::equal(given.begin(), given.end(), read.dump.tokens.begin()));
  if (!same) read.right_ids = std::move(given);
  return read;
}

Result<analysis::Diagnosis> judge_dump(const AnalysedModel& model, const ReadDump& read,
                                       std::span<const analysis::Bug* const> bugs, int threads) {
  LoadOptions options;
  options.backend = "reference";
  options.threads = threads;
  KILTER_ASSIGN(const std::unique_ptr<Ops> ops, make_backend(options));
  const analysis::ReplayModel replay_model = model.replay_model();
  Progress progress("judging", read.dump.values.size(), ProgressUnit::steps);
  analysis::SearchOptions search_options;
  search_options.bugs = bugs;
  search_options.progress = [&](int64_t done, int64_t) -> Status {
    progress.update(static_cast<uint64_t>(done));
    if (interrupted()) return interrupted_error();
    return {};
  };
  KILTER_ASSIGN(analysis::Diagnosis diagnosis,
                analysis::search(*ops, replay_model, read.dump, search_options));
  diagnosis.model_path = model.path();
  diagnosis.model_name = model.model().config.name;
  diagnosis.hyper_parameters = model.compare_numbers(read.dump);
  if (read.right_ids) {
    const Result<std::shared_ptr<const text::Tokenizer>> tokenizer = model.tokenizer();
    analysis::add_token_ids(
        *read.right_ids, read.dump.tokens,
        {.bos = tokenizer.ok() ? (*tokenizer)->bos() : -1, .eos = tokenizer.ok() ? (*tokenizer)->eos() : -1},
        diagnosis);
  }
  return diagnosis;
}

Status write_html(const ReportOptions& options, const analysis::Diagnosis& diagnosis) {
  if (!options.html) return {};
  KILTER_ASSIGN(AtomicFile file, AtomicFile::create(*options.html));
  KILTER_TRY(file.write(analysis::diagnosis_html(diagnosis)));
  return file.commit();
}

ExitCode exit_code_of(analysis::Outcome outcome) {
  switch (outcome) {
    case analysis::Outcome::clean:
    case analysis::Outcome::explained:
      return ExitCode::ok;
    case analysis::Outcome::bug:
      return ExitCode::negative;
    case analysis::Outcome::undecided:
      return ExitCode::undecided;
    case analysis::Outcome::nothing_compared:
      break;
  }
  return ExitCode::nothing_compared;
}

}  // namespace kilter::cli
