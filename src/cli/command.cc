#include "cli/command.h"

#include <fmt/format.h>

#include "base/utf8.h"
#include "cli/suggest.h"

namespace kilter::cli {

#define KILTER_COMMAND(name) std::unique_ptr<Command> make_##name();
#include "cli/command_list.inc"
#undef KILTER_COMMAND

std::vector<std::unique_ptr<Command>> all_commands() {
  std::vector<std::unique_ptr<Command>> commands;
#define KILTER_COMMAND(name) commands.push_back(make_##name());
#include "cli/command_list.inc"
#undef KILTER_COMMAND
  return commands;
}

Result<std::unique_ptr<Command>> find_command(std::string_view name) {
  auto commands = all_commands();
  std::vector<std::string_view> names;
  for (auto& command : commands) {
    if (command->info().name == name) return std::move(command);
    names.push_back(command->info().name);
  }
  const std::string nearest = did_you_mean(name, names);
  return Error{ErrorCode::usage, "", fmt::format("there is no command {}", quoted(name)),
               nearest.empty() ? "`kilter help` lists them" : nearest};
}

}  // namespace kilter::cli
