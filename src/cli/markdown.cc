#include "cli/markdown.h"

#include <fmt/format.h>

#include "cli/args.h"
#include "cli/help.h"

namespace kilter::cli {
namespace {

/// `text` for a cell of a table.
std::string cell(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string options_table(const std::vector<Option>& options) {
  std::string text = "| option | meaning |\n|---|---|\n";
  for (const Option& option : options) {
    text += fmt::format("| `{}` | {} |\n", cell(option_title(option)), cell(option_help(option)));
  }
  return text;
}

std::string command_section(Command& command) {
  const CommandInfo& info = command.info();
  const std::vector<Option> options = command.options();
  std::string text = fmt::format("## kilter {}\n\n{}.\n\n```\n{}\n```\n\n{}\n\n", info.name, info.summary,
                                 usage_line(info, options), wrapped(info.description, 0, 110));
  if (!options.empty()) text += options_table(options) + "\n";
  text += "```sh\n";
  for (const Example& example : info.examples) {
    text += fmt::format("# {}\n{}\n", example.says, example.command);
  }
  text += "```\n\n";
  for (const ExitMeaning& exit : info.exits) {
    text += fmt::format("Exit code {}: {}.\n", static_cast<int>(exit.code), exit.meaning);
  }
  return info.exits.empty() ? text : text + "\n";
}

}  // namespace

std::string commands_markdown() {
  std::string text =
      "# The commands of kilter\n\n"
      "This file is what `kilter help --markdown` prints; a test keeps the two equal.\n\n"
      "Results go to standard output, everything else to standard error. An error is one line: "
      "`kilter: subject: sentence; cure`.\n\n";
  for (const auto& command : all_commands()) text += command_section(*command);
  text += "## Exit codes\n\n| code | meaning |\n|---|---|\n";
  for (const ExitCodeInfo& exit : all_exit_codes()) {
    text += fmt::format("| {} | {} |\n", static_cast<int>(exit.code), cell(exit.meaning));
  }
  text += "\n## Environment\n\n| variable | meaning |\n|---|---|\n";
  for (const EnvironmentVariable& variable : environment_variables()) {
    text += fmt::format("| `{}` | {} |\n", variable.name, cell(variable.help));
  }
  return text;
}

}  // namespace kilter::cli
