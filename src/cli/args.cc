#include "cli/args.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdlib>

#include "base/utf8.h"
#include "cli/suggest.h"

namespace kilter::cli {
namespace {

constexpr std::array kEnvironmentVariables = {
    EnvironmentVariable{"XDG_CACHE_HOME", &Environment::xdg_cache_home,
                        "Models are kept in its folder kilter/models. Default: ~/.cache"},
    EnvironmentVariable{"HOME", &Environment::home, "Where ~ is, when XDG_CACHE_HOME is not set."},
    EnvironmentVariable{
        "HF_TOKEN", &Environment::hf_token,
        "Access token for private and gated repositories. It is sent to the hub's host only."},
    EnvironmentVariable{"HF_ENDPOINT", &Environment::hf_endpoint,
                        "Address of the hub or of a mirror. Default: https://huggingface.co"},
};

/// A command's option and what CLI11 collected for it.
struct Bound {
  Option option;
  CLI::Option* collected;
};

Error usage_error(const Command& command, std::string sentence, std::string cure) {
  const std::string_view name = command.info().name;
  if (cure.empty()) cure = fmt::format("`kilter {} --help` tells more", name);
  return {ErrorCode::usage, std::string(name), std::move(sentence), std::move(cure)};
}

/// CLI11 takes `--stop=` for `--stop` with its value still to come; a value that was written as empty is one.
std::vector<std::string> with_empty_values_apart(std::span<const std::string> args) {
  std::vector<std::string> result;
  bool only_positionals = false;
  for (const std::string& arg : args) {
    only_positionals |= arg == "--";
    if (!only_positionals && arg.starts_with("--") && arg.find('=') == arg.size() - 1) {
      result.push_back(arg.substr(0, arg.size() - 1));
      result.emplace_back();
    } else {
      result.push_back(arg);
    }
  }
  return result;
}

/// Declares the options to CLI11, which splits the command line; values are read by assign().
std::vector<Bound> declare(CLI::App& app, std::vector<Option> options) {
  std::vector<Bound> bound;
  for (Option& option : options) {
    const std::string names(option.names);
    CLI::Option* collected = nullptr;
    if (option.is_flag()) {
      collected = app.add_flag(names);
    } else {
      const bool many = std::holds_alternative<std::vector<std::string>*>(option.target);
      collected = app.add_option(names)->expected(many && option.positional() ? -1 : 1);
    }
    collected->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    bound.push_back({std::move(option), collected});
  }
  return bound;
}

Error unknown_option(const Command& command, const std::vector<Bound>& bound, const std::string& arg) {
  std::vector<std::string_view> known = {"--help"};
  for (const Bound& row : bound) {
    if (row.option.positional()) continue;
    for (const std::string_view spelling : row.option.spellings()) known.push_back(spelling);
  }
  const std::string word = arg.substr(0, arg.find('='));
  std::string cure = did_you_mean(word, known);
  if (cure.empty())
    cure =
        fmt::format("`kilter {} --help` lists them; -- before it makes it an argument", command.info().name);
  return usage_error(command, fmt::format("there is no option {}", kilter::quoted(word)), cure);
}

Status check_unknown(const Command& command, const CLI::App& app, const std::vector<Bound>& bound) {
  const std::vector<std::string> unknown = app.remaining();
  if (unknown.empty() || (unknown.size() == 1 && unknown[0] == "--")) return {};
  if (unknown[0].starts_with('-') && unknown[0] != "--") return unknown_option(command, bound, unknown[0]);
  return usage_error(command, fmt::format("{} is one argument too many", kilter::quoted(unknown.back())), "");
}

/// What CLI11 collected. A flag that stands alone is there as "true", or as a number where it stands several
/// times.
std::vector<std::string> values_of(const Bound& row) {
  std::vector<std::string> values = row.collected->results();
  if (row.option.is_flag()) std::erase(values, "true");
  return values;
}

Status assign_all(const Command& command, const std::vector<Bound>& bound) {
  for (const Bound& row : bound) {
    const bool given = row.collected->count() != 0;
    if (given) {
      Status status = assign(row.option, values_of(row));
      if (status.ok()) continue;
      const Error& error = status.error();
      return usage_error(command, error.subject + " " + error.sentence, error.cure);
    }
    if (row.option.positional() && row.option.need == Need::required) {
      return usage_error(command, fmt::format("{} is missing", row.option.names), "");
    }
  }
  return {};
}

Status read_options(Command& command, std::span<const std::string> args, bool& help) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  const CLI::Option* help_flag = app.add_flag("-h,--help");
  const std::vector<Bound> bound = declare(app, command.options());
  std::vector<std::string> words = with_empty_values_apart(args);
  const std::string last = words.empty() ? "" : words.back();
  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  try {
    app.parse(std::move(words));
  } catch (const CLI::ParseError&) {  // the only thing it can miss here is the value of the last option
    return usage_error(command, fmt::format("{} needs a value", last), "");
  }
  help = help_flag->count() != 0;
  if (help) return {};
  KILTER_TRY(check_unknown(command, app, bound));
  return assign_all(command, bound);
}

std::string command_name(const std::string& first) {
  if (first == "--help" || first == "-h") return "help";
  if (first == "--version" || first == "-V") return "version";
  return first;
}

}  // namespace

std::span<const EnvironmentVariable> environment_variables() { return kEnvironmentVariables; }

Environment read_environment() {
  Environment environment;
  for (const EnvironmentVariable& variable : kEnvironmentVariables) {
    const char* value = std::getenv(variable.name.data());
    if (value != nullptr) environment.*variable.value = value;
  }
  return environment;
}

Result<Invocation> parse_command_line(std::span<const std::string> args) {
  if (args.empty()) return Error{ErrorCode::usage, "", "no command was given", "`kilter help` lists them"};
  const std::string name = command_name(args[0]);
  if (name.starts_with('-')) {
    return Error{ErrorCode::usage, "", fmt::format("{} stands where a command belongs", kilter::quoted(name)),
                 "kilter COMMAND [options]; `kilter help` lists the commands"};
  }
  Invocation invocation;
  KILTER_ASSIGN(invocation.command, find_command(name));
  bool help = false;
  KILTER_TRY(read_options(*invocation.command, args.subspan(1), help));
  if (help) invocation.wish = Invocation::Wish::help;
  return invocation;
}

Status at_most_one(std::span<const Flag> flags) {
  const Flag* first = nullptr;
  for (const Flag& flag : flags) {
    if (!flag.set) continue;
    if (first != nullptr) {
      return Error{ErrorCode::usage, "", fmt::format("{} and {} exclude each other", first->name, flag.name),
                   "leave one out"};
    }
    first = &flag;
  }
  return {};
}

}  // namespace kilter::cli
