// Numbers and foreign names as a report writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kilter::analysis {

/// Six digits, "nan", "inf".
std::string number_text(double x);

/// A margin for eyes: "0.21", "812", "1.6e+04", "infinite".
std::string margin_text(double margin);

/// "1.6e+04 bounds", "1 bound"
std::string bounds_text(double margin);

/// "3,211,264"
std::string grouped_text(int64_t n);

/// "1 value", "1,200 values"
std::string counted_text(int64_t n, std::string_view noun);

/// Well-formed UTF-8: U+FFFD for every byte that is not.
std::string utf8_text(std::string_view text);

/// Names of foreign files, fit for a terminal: well-formed UTF-8, control characters as \x1b, and `...` in
/// place of what follows the first `max_bytes`.
std::string printable_text(std::string_view text, size_t max_bytes = 160);

/// As a sentence: a full stop at its end, and a capital where the first word is one of letters alone.
std::string sentence_text(std::string_view text);

}  // namespace kilter::analysis
