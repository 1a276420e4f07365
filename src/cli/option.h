// The options of a command as data: parsing, help, documentation and completion all read the same rows.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kilter/result.h"

namespace kilter::cli {

/// The variable that an option sets. What it holds before is the default that the help shows.
/// A bool is a flag: it takes no value and becomes true. A vector collects every occurrence.
using OptionTarget = std::variant<bool*, int64_t*, uint64_t*, double*, std::string*, std::optional<int64_t>*,
                                  std::optional<std::string>*, std::vector<std::string>*>;

/// What a shell offers for the value of an option.
enum class Completes { nothing, file, folder, model, command };

/// Whether a positional argument may be left out.
enum class Need { required, optional };

/// The numbers that an option accepts, both ends included.
struct Range {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
};

/// One row: an option ("--ids", "-n,--max-tokens") or a positional argument ("MODEL").
struct Option {
  std::string_view names;
  std::string_view value =
      {};  ///< what its value is called in the help: "N". Empty for a flag or a positional
  OptionTarget target;
  std::string_view help;  ///< a sentence, with the unit where there is one
  Completes completes = Completes::nothing;
  std::vector<std::string_view> choices = {};  ///< the only values; empty: any
  Range range = {};
  Need need = Need::required;  ///< of a positional argument

  bool positional() const { return !names.starts_with('-'); }
  bool is_flag() const { return std::holds_alternative<bool*>(target); }
  /// "-n", "--max-tokens"
  std::vector<std::string_view> spellings() const;
  /// The longest spelling: what messages call it.
  std::string_view name() const;
};

/// The --json row of a command with a report.
Option json_option(bool& json);

/// The default as the help shows it; empty for flags, for positionals, and where there is none.
std::string default_text(const Option& option);

/// Puts the values that were given (at least one; for a flag none) where the option wants them.
/// Errors: usage, naming the option: given twice, not a number, out of range, not one of the choices.
Status assign(const Option& option, std::span<const std::string> values);

}  // namespace kilter::cli
