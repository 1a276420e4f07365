#include "text/byte_level.h"

#include <array>

#include "text/unicode.h"

namespace kilter::text {
namespace {

constexpr size_t kBytes = 256;
constexpr char32_t kFirstStandIn = 0x100;

bool prints_in_latin1(size_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

struct ByteMap {
  std::array<std::string, kBytes> characters;
  std::array<std::optional<uint8_t>, 2 * kBytes> bytes;  // by code point

  ByteMap() {
    char32_t stand_in = kFirstStandIn;
    for (size_t byte = 0; byte < kBytes; ++byte) {
      const char32_t code_point = prints_in_latin1(byte) ? static_cast<char32_t>(byte) : stand_in++;
      append_utf8(characters[byte], code_point);
      bytes[code_point] = static_cast<uint8_t>(byte);
    }
  }
};

const ByteMap& byte_map() {
  static const ByteMap map;
  return map;
}

}  // namespace

const std::string& byte_character(uint8_t byte) { return byte_map().characters[byte]; }

std::string to_byte_level(std::string_view bytes) {
  std::string spelled;
  spelled.reserve(2 * bytes.size());
  for (const char byte : bytes) spelled += byte_character(static_cast<uint8_t>(byte));
  return spelled;
}

std::optional<std::string> from_byte_level(std::string_view spelled) {
  const auto& bytes = byte_map().bytes;
  std::string result;
  for (size_t offset = 0; offset < spelled.size();) {
    const Utf8Step step = read_utf8(spelled, offset);
    if (step.code_point >= bytes.size() || !bytes[step.code_point]) return std::nullopt;
    result.push_back(static_cast<char>(*bytes[step.code_point]));
    offset += step.length;
  }
  return result;
}

}  // namespace kilter::text
