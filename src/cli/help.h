// The help of the program and of each command, made from their options.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace kilter::cli {

/// Columns that help is wrapped to, whatever the terminal: it reads the same in a pipe.
constexpr size_t kHelpWidth = 100;

/// `text` in lines of at most `width` columns, each but the first indented by `indent`; empty lines in `text`
/// stay.
std::string wrapped(std::string_view text, size_t indent, size_t width = kHelpWidth);

/// "kilter tokenize MODEL TEXT [options]"
std::string usage_line(const CommandInfo& info, const std::vector<Option>& options);

/// "-n, --max-tokens N"
std::string option_title(const Option& option);

/// The help sentence with choices, range and default behind it.
std::string option_help(const Option& option);

/// The exit codes of a command: the general ones it can give, in its own words where it has them.
std::vector<ExitMeaning> exit_meanings(const CommandInfo& info);

/// `kilter NAME --help`
std::string command_help(Command& command);

/// `kilter help`
std::string program_help();

}  // namespace kilter::cli
