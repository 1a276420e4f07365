// GPT-2's spelling of bytes: each of the 256 is one printable character.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kilter::text {

/// The character, in UTF-8, that stands for `byte`: itself where it prints in Latin-1, else U+0100 and up in
/// order. Source: Radford et al. 2019, bytes_to_unicode() of the GPT-2 release.
const std::string& byte_character(uint8_t byte);

/// "Ġthe" for " the".
std::string to_byte_level(std::string_view bytes);

/// " the" for "Ġthe"; nothing when `spelled` has a character that stands for no byte.
std::optional<std::string> from_byte_level(std::string_view spelled);

}  // namespace kilter::text
