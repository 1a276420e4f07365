// The command line and the environment: what the person asked for.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "kilter/result.h"

namespace kilter::cli {

/// The variables that change what kilter does. Unset ones are empty.
struct Environment {
  std::string home;
  std::string xdg_cache_home;
  std::string hf_token;
  std::string hf_endpoint;
};

struct EnvironmentVariable {
  std::string_view name;
  std::string Environment::*value;
  std::string_view help;
};

/// Every variable that is read, for the documentation.
std::span<const EnvironmentVariable> environment_variables();
Environment read_environment();

/// A command with its options set; or one whose help was asked for.
struct Invocation {
  enum class Wish { run, help };
  std::unique_ptr<Command> command;
  Wish wish = Wish::run;
};

/// Reads a command line without the program's name: `NAME [options and arguments]`. `--help` and `--version`
/// without a name mean the commands of these names. Errors: usage, with the nearest name where a name is
/// unknown.
Result<Invocation> parse_command_line(std::span<const std::string> args);

/// Proves that no two of these flags are set. Errors: usage, naming two that are.
struct Flag {
  std::string_view name;
  bool set;
};
Status at_most_one(std::span<const Flag> flags);

}  // namespace kilter::cli
