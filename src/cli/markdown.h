// docs/commands.md, made from the commands themselves.
#pragma once

#include <string>

namespace kilter::cli {

/// The whole document: every command, the exit codes, the environment.
std::string commands_markdown();

}  // namespace kilter::cli
