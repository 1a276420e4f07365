// What the exit code of the program says.
#pragma once

#include <span>
#include <string_view>

#include "kilter/result.h"

namespace kilter::cli {

/// Numbered as the shell sees them.
enum class ExitCode : int {
  ok = 0,
  negative = 1,
  usage = 2,
  unavailable = 3,
  corrupt = 4,
  unsupported = 5,
  memory = 6,
  undecided = 7,
  nothing_compared = 8,
  interrupted = 130,  // what shells give a program that Ctrl-C ended
};

struct ExitCodeInfo {
  ExitCode code;
  std::string_view meaning;
};

/// Every exit code, ascending, in words.
std::span<const ExitCodeInfo> all_exit_codes();
std::string_view meaning_of(ExitCode code);

/// The exit code of a command that failed with `code`.
ExitCode exit_code_for(ErrorCode code);

}  // namespace kilter::cli
