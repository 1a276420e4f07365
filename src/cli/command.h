// What a command is: who it is, what it takes, what it does.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/exit_code.h"
#include "cli/option.h"
#include "kilter/result.h"

namespace kilter::cli {

class Output;
struct Environment;

/// A command line that works, and what it is good for.
struct Example {
  std::string_view command;
  std::string_view says;
};

/// An exit code where it means something particular.
struct ExitMeaning {
  ExitCode code;
  std::string_view meaning;
};

struct CommandInfo {
  std::string_view name;
  std::string_view summary;      ///< a line without a full stop
  std::string_view description;  ///< paragraphs, separated by empty lines; they are wrapped when shown
  std::vector<Example> examples;
  std::vector<ExitMeaning> exits;  ///< those that need more words than meaning_of() has
};

/// What a command may touch outside itself.
struct Context {
  Output& out;                     ///< results; talk goes to say()
  const Environment& environment;  ///< the variables that count
};

/// One command. Its options point at its own members, so an object serves one command line.
class Command {
 public:
  Command() = default;
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  virtual ~Command() = default;

  virtual const CommandInfo& info() const = 0;
  /// Positional arguments in their order, and options in the order of the help.
  virtual std::vector<Option> options() = 0;
  /// Called once, after the options were set. An error is printed and becomes the exit code.
  virtual Result<ExitCode> run(Context& context) = 0;
};

/// A new object of every command, in the order of the help: the rows of command_list.inc.
std::vector<std::unique_ptr<Command>> all_commands();

/// The command called `name`. Errors: usage, with the nearest name.
Result<std::unique_ptr<Command>> find_command(std::string_view name);

}  // namespace kilter::cli
