// UTF-8 in both directions, and what a byte stream that breaks its rules turns into.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kilter::text {

/// U+FFFD, which stands where bytes were no UTF-8.
inline constexpr char32_t kReplacementCharacter = 0xFFFD;

/// One step through a string.
struct Utf8Step {
  char32_t code_point;  ///< kReplacementCharacter when the bytes are ill-formed
  size_t length;        ///< bytes to step over, 1..4; of ill-formed bytes, their maximal subpart
  bool well_formed;     ///< false for a bad or cut-off sequence, overlong forms and surrogates
};

/// Reads the character that starts at `offset`, which is inside `text`.
/// Ill-formed bytes are stepped over by maximal subparts: one U+FFFD for each longest run of bytes that
/// begins a well-formed sequence, or for a single byte that begins none. Source   The Unicode Standard 15.0,
/// table 3-7 and section 3.9, "U+FFFD Substitution of Maximal Subparts".
Utf8Step read_utf8(std::string_view text, size_t offset);

/// Appends `code_point` in UTF-8; surrogates and numbers above U+10FFFF become U+FFFD.
void append_utf8(std::string& text, char32_t code_point);

/// `text` with every maximal ill-formed subpart replaced by U+FFFD: always valid UTF-8.
std::string to_valid_utf8(std::string_view text);

/// How many bytes at the end of `text` (0..3) begin a character whose rest has not come yet.
size_t unfinished_utf8_length(std::string_view text);

}  // namespace kilter::text
