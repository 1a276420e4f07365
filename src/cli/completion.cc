#include "cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <vector>

#include "cli/command.h"

namespace kilter::cli {
namespace {

using Commands = std::vector<std::unique_ptr<Command>>;

std::string joined_names(const Commands& commands) {
  std::vector<std::string_view> names;
  for (const auto& command : commands) names.push_back(command->info().name);
  return fmt::format("{}", fmt::join(names, " "));
}

/// The words that may stand for an option's value, if they are few.
std::string value_words(const Option& option, const Commands& commands) {
  if (option.completes == Completes::command) return joined_names(commands);
  return fmt::format("{}", fmt::join(option.choices, " "));
}

/// The first sentence: a completion menu has one line for it.
std::string_view short_help(const Option& option) {
  const size_t end = option.help.find(". ");
  std::string_view first = option.help.substr(0, end);
  if (first.ends_with('.')) first.remove_suffix(1);
  return first;
}

/// `text` with a backslash before each of `specials`, single quotes as a quoted shell word needs them.
std::string escaped(std::string_view text, std::string_view specials) {
  std::string result;
  for (const char c : text) {
    if (specials.find(c) != std::string_view::npos) result += '\\';
    result += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return result;
}

// ---- bash: what to offer is a kind of file, or words ----

constexpr std::string_view kBashHead =
    R"(# Completion for bash. In ~/.bashrc: source <(kilter completion bash)
_kilter() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} options='--help' kind=words words=''
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='@COMMANDS@ --help --version'
  else
    case ${COMP_WORDS[1]} in
)";
constexpr std::string_view kBashTail = R"(    esac
  fi
  if [[ $COMP_CWORD -gt 1 && $word == -* ]]; then kind=words words=$options; fi
  case $kind in
    folder) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    file) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    model) mapfile -t COMPREPLY < <(compgen -f -X '!*.gguf' -- "$word"; compgen -d -- "$word") ;;
    words) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word") ;;
  esac
}
complete -o filenames -F _kilter kilter
)";

const std::map<Completes, std::string_view> kBashKinds = {
    {Completes::file, "file"}, {Completes::folder, "folder"}, {Completes::model, "model"}};

std::string bash_offer(const Option& option, const Commands& commands) {
  const auto kind = kBashKinds.find(option.completes);
  if (kind != kBashKinds.end()) return fmt::format("kind={}", kind->second);
  return fmt::format("kind=words words='{}'", value_words(option, commands));
}

std::string bash_command(Command& command, const Commands& commands) {
  std::string spellings = "--help";
  std::string positional, values;
  for (const Option& option : command.options()) {
    const std::string offer = bash_offer(option, commands);
    if (option.positional()) {
      if (positional.empty()) positional = fmt::format("        {}\n", offer);
      continue;
    }
    spellings += fmt::format(" {}", fmt::join(option.spellings(), " "));
    if (option.is_flag()) continue;
    values += fmt::format("          {}) {} ;;\n", fmt::join(option.spellings(), " | "), offer);
  }
  if (!values.empty()) values = fmt::format("        case $before in\n{}        esac\n", values);
  return fmt::format("      {})\n        options='{}'\n{}{}        ;;\n", command.info().name, spellings,
                     positional, values);
}

std::string bash_script(const Commands& commands) {
  std::string script(kBashHead);
  constexpr std::string_view kPlace = "@COMMANDS@";
  script.replace(script.find(kPlace), kPlace.size(), joined_names(commands));
  for (const auto& command : commands) script += bash_command(*command, commands);
  return script + std::string(kBashTail);
}

// ---- zsh: _arguments does the work ----

constexpr std::string_view kZshSpecials = "[]:\\";

const std::map<Completes, std::string_view> kZshActions = {{Completes::file, "_files"},
                                                           {Completes::folder, "_files -/"},
                                                           {Completes::model, "_files -g \"*.gguf(-.)\""}};

std::string zsh_action(const Option& option, const Commands& commands) {
  const auto action = kZshActions.find(option.completes);
  if (action != kZshActions.end()) return std::string(action->second);
  const std::string words = value_words(option, commands);
  return words.empty() ? " " : fmt::format("({})", words);
}

std::string zsh_argument(const Option& option, const Commands& commands) {
  const std::string help = escaped(short_help(option), kZshSpecials);
  const std::string action = zsh_action(option, commands);
  if (option.positional()) return fmt::format("':{}:{}'", option.names, action);
  const auto spellings = option.spellings();
  const std::string value = option.is_flag() ? "" : fmt::format(":{}:{}", option.value, action);
  const bool many = std::holds_alternative<std::vector<std::string>*>(option.target);
  if (spellings.size() == 1) return fmt::format("'{}{}[{}]{}'", many ? "*" : "", spellings[0], help, value);
  return fmt::format("'({})'{{{}}}'[{}]{}'", fmt::join(spellings, " "), fmt::join(spellings, ","), help,
                     value);
}

std::string zsh_script(const Commands& commands) {
  std::string script =
      "#compdef kilter\n# Completion for zsh: a file called _kilter in a folder of $fpath, or\n"
      "# source <(kilter completion zsh) in ~/.zshrc after compinit.\n_kilter() {\n  local -a commands=(\n";
  for (const auto& command : commands) {
    script +=
        fmt::format("    '{}:{}'\n", command->info().name, escaped(command->info().summary, kZshSpecials));
  }
  script +=
      "  )\n  if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
      "  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $command in\n";
  for (const auto& command : commands) {
    script += fmt::format("    {})\n      _arguments -s '--help[Explain the command]'", command->info().name);
    for (const Option& option : command->options()) {
      script += " \\\n        " + zsh_argument(option, commands);
    }
    script += "\n      ;;\n";
  }
  return script + "  esac\n}\n(( $+functions[compdef] )) && compdef _kilter kilter\n";
}

// ---- fish: a line an option ----

const std::map<Completes, std::string_view> kFishActions = {
    {Completes::file, "-F"},
    {Completes::folder, "-a '(__fish_complete_directories)'"},
    {Completes::model, "-k -a '(__fish_complete_suffix .gguf)'"}};

std::string fish_action(const Option& option, const Commands& commands) {
  const auto action = kFishActions.find(option.completes);
  if (action != kFishActions.end()) return " " + std::string(action->second);
  const std::string words = value_words(option, commands);
  return words.empty() ? "" : fmt::format(" -a '{}'", words);
}

std::string fish_line(std::string_view command, const Option& option, const Commands& commands) {
  std::string line = fmt::format("complete -c kilter -n '__fish_seen_subcommand_from {}'", command);
  for (const std::string_view spelling : option.spellings()) {
    if (spelling.starts_with("--")) {
      line += fmt::format(" -l {}", spelling.substr(2));
    } else if (spelling.starts_with('-')) {
      line += fmt::format(" -s {}", spelling.substr(1));
    }
  }
  if (!option.is_flag()) line += (option.positional() ? "" : " -r") + fish_action(option, commands);
  return line + fmt::format(" -d '{}'\n", escaped(short_help(option), "\\"));
}

std::string fish_script(const Commands& commands) {
  std::string script =
      "# Completion for fish: kilter completion fish >~/.config/fish/completions/kilter.fish\n"
      "complete -c kilter -f\n";
  for (const auto& command : commands) {
    script += fmt::format("complete -c kilter -n __fish_use_subcommand -a {} -d '{}'\n", command->info().name,
                          escaped(command->info().summary, "\\"));
  }
  for (const auto& command : commands) {
    for (const Option& option : command->options()) {
      script += fish_line(command->info().name, option, commands);
    }
  }
  return script;
}

}  // namespace

std::string completion_script(std::string_view shell) {
  const Commands commands = all_commands();
  if (shell == "bash") return bash_script(commands);
  return shell == "zsh" ? zsh_script(commands) : fish_script(commands);
}

}  // namespace kilter::cli
