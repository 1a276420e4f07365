#include "base/utf8.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>

namespace kilter {
namespace {

/// A row of the Unicode Standard's table 3-7: lead bytes, the range of the second byte, the bytes in all.
struct LeadByte {
  uint8_t first, last;
  uint8_t second_min, second_max;
  uint8_t length;
};

constexpr std::array kLeadBytes = {
    LeadByte{0x00, 0x7f, 0x00, 0x00, 1},                                       // ASCII
    LeadByte{0xc2, 0xdf, 0x80, 0xbf, 2}, LeadByte{0xe0, 0xe0, 0xa0, 0xbf, 3},  // no overlong forms
    LeadByte{0xe1, 0xec, 0x80, 0xbf, 3}, LeadByte{0xed, 0xed, 0x80, 0x9f, 3},  // no surrogates
    LeadByte{0xee, 0xef, 0x80, 0xbf, 3}, LeadByte{0xf0, 0xf0, 0x90, 0xbf, 4},  // no overlong forms
    LeadByte{0xf1, 0xf3, 0x80, 0xbf, 4}, LeadByte{0xf4, 0xf4, 0x80, 0x8f, 4},  // nothing above U+10FFFF
};

uint8_t byte_at(std::string_view text, size_t i) { return static_cast<uint8_t>(text[i]); }

/// The length of the well-formed character that starts at `at`, or 0.
size_t character_length(std::string_view text, size_t at) {
  const uint8_t lead = byte_at(text, at);
  for (const LeadByte& row : kLeadBytes) {
    if (lead < row.first || lead > row.last) continue;
    if (row.length > text.size() - at) return 0;
    if (row.length == 1) return 1;
    if (byte_at(text, at + 1) < row.second_min || byte_at(text, at + 1) > row.second_max) return 0;
    for (size_t i = 2; i < row.length; ++i) {
      if ((byte_at(text, at + i) & 0xc0) != 0x80) return 0;
    }
    return row.length;
  }
  return 0;
}

/// The offset of the first byte at or after `at` that is not ASCII, rounded down to
/// where the last step of 8 ended.
size_t skip_ascii(std::string_view text, size_t at) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  uint64_t eight = 0;
  while (text.size() - at >= sizeof(eight)) {
    std::memcpy(&eight, text.data() + at, sizeof(eight));
    if ((eight & kHighBits) != 0) break;
    at += sizeof(eight);
  }
  return at;
}

/// U+0000 to U+001F, U+007F, and U+0080 to U+009F, which some terminals obey.
bool is_control(std::string_view character) {
  const uint8_t lead = byte_at(character, 0);
  if (character.size() == 1) return lead < 0x20 || lead == 0x7f;
  return lead == 0xc2 && byte_at(character, 1) < 0xa0;
}

void append_escaped(std::string& out, std::string_view character, char quote) {
  constexpr std::string_view kNamed = "\n\t\r\\";
  constexpr std::string_view kLetters = "ntr\\";
  const size_t named = kNamed.find(character);
  if (named != std::string_view::npos) {
    out += '\\';
    out += kLetters[named];
  } else if (character[0] == quote) {
    out += '\\';
    out += quote;
  } else if (find_invalid_utf8(character) || is_control(character)) {
    for (const char c : character)
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<uint8_t>(c));
  } else {
    out += character;
  }
}

std::string between(char quote, std::string_view text, size_t max_bytes) {
  std::string out(1, quote);
  size_t at = 0;
  while (at < text.size()) {
    const size_t length = character_length(text, at);
    const std::string_view character = text.substr(at, length == 0 ? 1 : length);
    if (at + character.size() > max_bytes) break;
    append_escaped(out, character, quote);
    at += character.size();
  }
  if (at < text.size()) out += "...";
  out += quote;
  return out;
}

}  // namespace

std::optional<size_t> find_invalid_utf8(std::string_view text) {
  size_t at = skip_ascii(text, 0);
  while (at < text.size()) {
    const size_t length = character_length(text, at);
    if (length == 0) return at;
    at += length;
    if (length == 1) at = skip_ascii(text, at);
  }
  return std::nullopt;
}

std::string quoted(std::string_view text, size_t max_bytes) { return between('\'', text, max_bytes); }

std::string double_quoted(std::string_view text) { return between('"', text, text.size()); }

}  // namespace kilter
