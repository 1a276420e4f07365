// What `kilter diagnose` and `kilter diff` share: a dump is read, judged and reported.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/bugs/bug.h"
#include "analysis/diagnose/diagnosis.h"
#include "cli/diagnose/analysed_model.h"
#include "cli/exit_code.h"
#include "cli/option.h"

namespace kilter::cli {

/// What the person says of a dump.
struct DumpOptions {
  std::optional<std::string> text;  ///< -p
  std::string ids;                  ///< --ids
  std::string passes;               ///< --passes
  std::string map;                  ///< --map

  std::vector<Option> rows();
};

/// How a report is given out.
struct ReportOptions {
  bool every_value = false;
  std::optional<std::string> html;
  std::optional<int64_t> threads;
  bool json = false;

  std::vector<Option> rows();
  /// 0: one a processor.
  int threads_or_all() const { return static_cast<int>(threads.value_or(0)); }
};

/// Reads a dump of this model's run. Errors: those of read_dump; usage for options that contradict each
/// other.
struct ReadDump {
  analysis::Dump dump;
  std::optional<std::vector<int32_t>> right_ids;  ///< of -p or --ids, where the dump has others
};
Result<ReadDump> read_dump_of(const AnalysedModel& model, std::span<const std::string> paths,
                              const DumpOptions& options);

/// Judges a dump; with no `bugs` wrong values are located and not named. Shows progress. Errors: those of
/// search.
Result<analysis::Diagnosis> judge_dump(const AnalysedModel& model, const ReadDump& read,
                                       std::span<const analysis::Bug* const> bugs, int threads);

/// Writes the HTML file, when one is wanted. Errors: io.
Status write_html(const ReportOptions& options, const analysis::Diagnosis& diagnosis);

/// The exit code that an outcome means.
ExitCode exit_code_of(analysis::Outcome outcome);

}  // namespace kilter::cli
