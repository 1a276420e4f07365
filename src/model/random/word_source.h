// An endless supply of different-looking words.
#pragma once

#include <cstdint>
#include <string>

namespace kilter {

/// Word `index` of a fixed sequence, in UTF-8, most with a space before it. First come common English words
/// and pieces of other scripts, then words of one to three random syllables. Words may repeat.
std::string nth_word(uint64_t index);

}  // namespace kilter
