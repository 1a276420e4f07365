// Where a token stands in a run of several passes.
#pragma once

#include <cstdint>
#include <span>

namespace kilter::analysis {

/// The pass of a token.
struct PassPlace {
  int64_t index = 0;
  int64_t first = 0;  ///< its first token
  int64_t end = 0;    ///< one past its last token
};

/// passes: tokens of each pass. A token beyond them is a pass of its own.
inline PassPlace place_in_passes(int64_t token, std::span<const int64_t> passes) {
  PassPlace place;
  for (const int64_t n : passes) {
    place.end = place.first + n;
    if (token < place.end) return place;
    place.first = place.end;
    ++place.index;
  }
  place.first = token;
  place.end = token + 1;
  return place;
}

/// Tokens of the first pass.
inline int64_t prompt_length(std::span<const int64_t> passes) { return passes.empty() ? 0 : passes.front(); }

}  // namespace kilter::analysis
