// Running another program.
#pragma once

#include <string>
#include <vector>

#include "kilter/result.h"

namespace kilter::cli {

/// How a program ended.
struct ProcessEnd {
  int exit_code;          ///< -1: a signal ended it
  std::string last_line;  ///< the last line of what it said
};

/// Runs a program found on PATH to its end, its standard output and standard error going to the file `log`,
/// its standard input empty. It is ended when the person interrupts. Errors: not_found, when there is no such
/// program; interrupted.
Result<ProcessEnd> run_process(const std::vector<std::string>& command, const std::string& log);

}  // namespace kilter::cli
