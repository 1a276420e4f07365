// Is this text what it says it is?
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kilter {

/// The offset of the first byte of `text` that is not well-formed UTF-8, or nothing when all of it is.
/// Overlong forms, surrogates (U+D800 to U+DFFF) and code points above U+10FFFF are not well-formed.
/// Source: The Unicode Standard 15.0, table 3-7.
std::optional<size_t> find_invalid_utf8(std::string_view text);

/// `text` between single quotes, fit for a terminal: control characters, quotes and bytes that are not UTF-8
/// become escapes like \n, \' or \x1b, and what is longer than `max_bytes` is cut and ends in "...". For
/// names that come from files: they may hold anything.
std::string quoted(std::string_view text, size_t max_bytes = 80);

/// The same escapes between double quotes, nothing cut.
std::string double_quoted(std::string_view text);

}  // namespace kilter
