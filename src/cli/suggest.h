// "Did you mean ...?"
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace kilter::cli {

/// The candidate that is most like `word`, or empty when none is near: more than a third of its letters would
/// have to change. Likeness is the number of letters to insert, delete, replace or swap with a neighbour.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

/// "did you mean --ids?", or empty.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace kilter::cli
