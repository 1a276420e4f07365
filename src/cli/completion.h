// Completion scripts, made from the options of the commands.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace kilter::cli {

/// The shells that completion_script() knows.
constexpr std::array<std::string_view, 3> kShells = {"bash", "zsh", "fish"};

/// A script that teaches `shell`, one of kShells, the commands, their options and what their values may be.
std::string completion_script(std::string_view shell);

}  // namespace kilter::cli
