// Names as people type them.
#pragma once

#include <algorithm>
#include <cctype>
#include <string_view>

namespace kilter {

/// Whether two ASCII names differ in letter case at most.
inline bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace kilter
