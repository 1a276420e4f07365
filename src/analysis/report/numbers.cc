#include "analysis/report/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/utf8.h"

namespace kilter::analysis {
namespace {

bool letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

// The length of the character that begins at text[i], which is well-formed UTF-8.
size_t length_at(std::string_view text, size_t i) {
  const auto byte = static_cast<unsigned char>(text[i]);
  if (byte < 0x80) return 1;
  return byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

// What a terminal would obey in place of showing it: C0, DEL, C1 (U+0080 to U+009F), and the characters that
// turn the direction of what follows (U+202A to U+202E, U+2066 to U+2069).
bool is_control(std::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  if (character.size() == 2) return byte(0) == 0xC2 && byte(1) < 0xA0;
  if (character.size() != 3 || byte(0) != 0xE2) return false;
  return (byte(1) == 0x80 && byte(2) >= 0xAA && byte(2) <= 0xAE) ||
         (byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9);
}

}  // namespace

std::string number_text(double x) {
  if (std::isnan(x)) return "nan";  // its sign means nothing
  return fmt::format("{:.6g}", x);
}

std::string margin_text(double margin) {
  if (std::isnan(margin)) return "nan";
  if (std::isinf(margin)) return "infinite";
  const double size = std::abs(margin);
  if (size == 0) return "0";
  if (size < 1e-3 || size >= 9999.5) return fmt::format("{:.1e}", margin);
  return size < 999.5 ? fmt::format("{:.3g}", margin) : fmt::format("{:.0f}", margin);
}

std::string bounds_text(double margin) {
  const std::string text = margin_text(margin);
  return text + (text == "1" ? " bound" : " bounds");
}

std::string grouped_text(int64_t n) {
  std::string text = std::to_string(n);
  const std::ptrdiff_t first = n < 0 ? 1 : 0;
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > first; at -= 3) {
    text.insert(static_cast<size_t>(at), 1, ',');
  }
  return text;
}

std::string counted_text(int64_t n, std::string_view noun) {
  return fmt::format("{} {}{}", grouped_text(n), noun, n == 1 ? "" : "s");
}

std::string utf8_text(std::string_view text) {
  std::string result;
  while (const auto bad = find_invalid_utf8(text)) {
    result.append(text.substr(0, *bad)).append("\xef\xbf\xbd");
    text.remove_prefix(*bad + 1);
  }
  return result.append(text);
}

std::string printable_text(std::string_view text, size_t max_bytes) {
  // Bytes that are cut need not be looked at; one character more tells that something was.
  const std::string whole = utf8_text(text.substr(0, max_bytes + 4));
  std::string result;
  for (size_t i = 0; i < whole.size();) {
    const std::string_view character = std::string_view(whole).substr(i, length_at(whole, i));
    if (i + character.size() > max_bytes) return result + "...";
    if (is_control(character)) {
      for (const char c : character) result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      result += character;
    }
    i += character.size();
  }
  return result;
}

std::string sentence_text(std::string_view text) {
  if (text.empty()) return {};
  std::string result(text);
  const auto word_end = std::find_if_not(result.begin(), result.end(), letter);
  if (word_end == result.end() || *word_end == ' ' || *word_end == ',') {
    result[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(result[0])));
  }
  const char last = result.back();
  if (last != '.' && last != '!' && last != '?' && last != ':') result += '.';
  return result;
}

}  // namespace kilter::analysis
