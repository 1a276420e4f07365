#include "cli/help.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace kilter::cli {
namespace {

constexpr size_t kMaxTitleColumns = 28;  // a longer title gets a line of its own
constexpr std::string_view kHelpTitle = "-h, --help";
constexpr std::string_view kHelpSentence = "Show this.";

struct Entry {
  std::string title;
  std::string text;
};

/// Titles in one column, their texts wrapped in another.
std::string two_columns(const std::vector<Entry>& entries) {
  size_t width = 0;
  for (const Entry& entry : entries) {
    if (entry.title.size() <= kMaxTitleColumns) width = std::max(width, entry.title.size());
  }
  const size_t indent = 2 + width + 2;
  std::string result;
  for (const Entry& entry : entries) {
    const bool own_line = entry.title.size() > width;
    result += fmt::format("  {:<{}}", entry.title, width);
    result += own_line ? "\n" + std::string(indent, ' ') : "  ";
    result += wrapped(entry.text, indent) + "\n";
  }
  return result;
}

std::string section(std::string_view title, const std::vector<Entry>& entries) {
  return entries.empty() ? "" : fmt::format("\n{}:\n{}", title, two_columns(entries));
}

std::string examples_section(const std::vector<Example>& examples) {
  std::string result = "\nExamples:\n";
  for (const Example& example : examples) {
    result += fmt::format("  # {}\n  {}\n", wrapped(example.says, 4), example.command);
  }
  return result;
}

}  // namespace

std::string wrapped(std::string_view text, size_t indent, size_t width) {
  std::string result;
  std::istringstream lines{std::string(text)};
  const std::string margin(indent, ' ');
  for (std::string paragraph; std::getline(lines, paragraph);) {
    if (!result.empty()) result += "\n";
    size_t column = 0;
    std::istringstream words(paragraph);
    for (std::string word; words >> word;) {
      const bool fits = indent + column + 1 + word.size() <= width;
      if (column != 0) result += fits ? " " : "\n" + margin;
      column = column != 0 && fits ? column + 1 + word.size() : word.size();
      result += word;
    }
  }
  return result;
}

std::string usage_line(const CommandInfo& info, const std::vector<Option>& options) {
  std::string line = fmt::format("kilter {}", info.name);
  bool has_options = false;
  for (const Option& option : options) {
    has_options |= !option.positional();
    if (!option.positional()) continue;
    const bool required = option.need == Need::required;
    line += required ? fmt::format(" {}", option.names) : fmt::format(" [{}]", option.names);
  }
  return has_options ? line + " [options]" : line;
}

std::string option_title(const Option& option) {
  std::string title = fmt::format("{}", fmt::join(option.spellings(), ", "));
  return option.value.empty() ? title : title + " " + std::string(option.value);
}

std::string option_help(const Option& option) {
  std::string text(option.help);
  if (!option.choices.empty()) text += fmt::format(" One of: {}.", fmt::join(option.choices, ", "));
  const Range& range = option.range;
  if (std::isfinite(range.min) && std::isfinite(range.max)) {
    text += fmt::format(" From {} to {}.", range.min, range.max);
  } else if (std::isfinite(range.min)) {
    text += fmt::format(" At least {}.", range.min);
  }
  const std::string standard = default_text(option);
  return standard.empty() ? text : text + fmt::format(" Default: {}", standard);
}

std::vector<ExitMeaning> exit_meanings(const CommandInfo& info) {
  std::vector<ExitMeaning> meanings = info.exits;
  for (const ExitCode code : {ExitCode::ok, ExitCode::usage}) {
    const auto same = [code](const ExitMeaning& meaning) { return meaning.code == code; };
    if (std::none_of(meanings.begin(), meanings.end(), same)) meanings.push_back({code, meaning_of(code)});
  }
  std::sort(meanings.begin(), meanings.end(),
            [](const ExitMeaning& a, const ExitMeaning& b) { return a.code < b.code; });
  return meanings;
}

std::string command_help(Command& command) {
  const CommandInfo& info = command.info();
  const std::vector<Option> options = command.options();
  std::vector<Entry> positionals, named, exits;
  for (const Option& option : options) {
    (option.positional() ? positionals : named).push_back({option_title(option), option_help(option)});
  }
  named.push_back({std::string(kHelpTitle), std::string(kHelpSentence)});
  for (const ExitMeaning& exit : exit_meanings(info)) {
    exits.push_back({fmt::format("{}", static_cast<int>(exit.code)), std::string(exit.meaning)});
  }
  std::string text = fmt::format("kilter {}: {}.\n\nUsage: {}\n\n{}\n", info.name, info.summary,
                                 usage_line(info, options), wrapped(info.description, 0));
  text += section("Arguments", positionals) + section("Options", named) + examples_section(info.examples);
  return text + section("Exit codes (all of them: kilter help)", exits);
}

std::string program_help() {
  std::vector<Entry> commands, exits;
  for (const auto& command : all_commands()) {
    commands.push_back({std::string(command->info().name), std::string(command->info().summary) + "."});
  }
  for (const ExitCodeInfo& exit : all_exit_codes()) {
    exits.push_back({fmt::format("{}", static_cast<int>(exit.code)), std::string(exit.meaning) + "."});
  }
  std::string text =
      "kilter runs language models from GGUF files, and every number it computes can be checked.\n\n"
      "Usage: kilter COMMAND [arguments and options]\n";
  text += section("Commands", commands) + section("Exit codes", exits);
  return text + "\n`kilter COMMAND --help` explains a command, with examples.\n";
}

}  // namespace kilter::cli
