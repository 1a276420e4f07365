// Well-formed UTF-8 against the definition: a code point encoded by shifting,
// not by the table of the Standard.
#include "base/utf8.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace kilter {
namespace {

/// `code` in `length` bytes, even where that is too long or no code point.
std::string encode(uint32_t code, int length) {
  if (length == 1) return {static_cast<char>(code)};
  constexpr uint32_t kLeads[] = {0, 0, 0xc0, 0xe0, 0xf0};
  std::string text(1, static_cast<char>(kLeads[length] | (code >> (6 * (length - 1)))));
  for (int i = length - 2; i >= 0; --i) text += static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3f));
  return text;
}

int shortest(uint32_t code) { return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4; }

TEST(Utf8, AcceptsEveryCodePointInItsShortestForm) {
  for (uint32_t code = 0; code <= 0x10ffff; ++code) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    ASSERT_FALSE(find_invalid_utf8(encode(code, shortest(code)))) << std::hex << code;
  }
}

TEST(Utf8, RefusesSurrogatesLongFormsAndWhatIsTooLarge) {
  for (uint32_t code = 0xd800; code <= 0xdfff; ++code)
    ASSERT_EQ(find_invalid_utf8(encode(code, 3)), 0u) << code;
  for (uint32_t code = 0; code < 0x10000; ++code) {
    for (int length = shortest(code) + 1; length <= 4; ++length) {
      ASSERT_EQ(find_invalid_utf8(encode(code, length)), 0u) << std::hex << code << " in " << length;
    }
  }
  for (uint32_t code = 0x110000; code < 0x200000; code += 0x1001)
    ASSERT_EQ(find_invalid_utf8(encode(code, 4)), 0u);
}

TEST(Utf8, FindsTheFirstBadByteAnywhere) {
  for (size_t before = 0; before < 40; ++before) {
    const std::string ascii(before, 'a');
    EXPECT_FALSE(find_invalid_utf8(ascii));
    EXPECT_EQ(find_invalid_utf8(ascii + "\x80" + ascii), before);
    EXPECT_EQ(find_invalid_utf8(ascii + "\xff"), before);
    EXPECT_EQ(find_invalid_utf8(ascii + "\xe4\xb8"), before) << "a character cut short";
    EXPECT_EQ(find_invalid_utf8(ascii + "\u4e16\xc3"), before + 3);
    EXPECT_EQ(find_invalid_utf8(ascii + "\xc3("), before);
  }
}

TEST(Quoted, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(quoted("blk.0.attn_q"), "'blk.0.attn_q'");
  EXPECT_EQ(quoted("it's \"it\"\\"), R"('it\'s "it"\\')");
  EXPECT_EQ(double_quoted("it's \"it\"\\"), R"("it's \"it\"\\")");
  EXPECT_EQ(quoted("a\n\t\r"), R"('a\n\t\r')");
  EXPECT_EQ(quoted("\x1b[31m\x7f"), R"('\x1b[31m\x7f')");
  EXPECT_EQ(quoted(std::string_view("\0", 1)), R"('\x00')");
  EXPECT_EQ(quoted("\u0085\u009b"), R"('\xc2\x85\xc2\x9b')");
  EXPECT_EQ(quoted("\xff\xe4\xb8"), R"('\xff\xe4\xb8')");
  EXPECT_EQ(quoted("\u4e16\u754c \u00e9"), "'\u4e16\u754c \u00e9'");
}

TEST(Quoted, IsCutBetweenCharacters) {
  EXPECT_EQ(quoted("12345", 5), "'12345'");
  EXPECT_EQ(quoted("123456", 5), "'12345...'");
  EXPECT_EQ(quoted("1234\u4e16", 5), "'1234...'");
  EXPECT_EQ(double_quoted(std::string(1000, 'a')).size(), 1002u);
}

}  // namespace
}  // namespace kilter
