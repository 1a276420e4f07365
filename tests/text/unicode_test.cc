#include "text/unicode.h"

#include <gtest/gtest.h>

#include <string>

namespace kilter::text {
namespace {

const std::string kFffd = "\xEF\xBF\xBD";

std::string times(size_t count, const std::string& text) {
  std::string result;
  for (size_t i = 0; i < count; ++i) result += text;
  return result;
}

TEST(Utf8, ReadsBackEveryCodePoint) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, c);
    const Utf8Step step = read_utf8(text, 0);
    ASSERT_TRUE(step.well_formed) << static_cast<uint32_t>(c);
    ASSERT_EQ(step.code_point, c);
    ASSERT_EQ(step.length, text.size());
  }
}

TEST(Utf8, WritesNoSurrogatesAndNothingBeyondUnicode) {
  std::string text;
  append_utf8(text, 0xD800);
  append_utf8(text, 0x110000);
  EXPECT_EQ(text, kFffd + kFffd);
}

// The Unicode Standard 15.0, tables 3-8 to 3-11.
TEST(Utf8, ReplacesMaximalSubparts) {
  EXPECT_EQ(to_valid_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), times(8, kFffd) + "A");
  EXPECT_EQ(to_valid_utf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), times(8, kFffd) + "A");
  EXPECT_EQ(to_valid_utf8("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"),
            times(5, kFffd) + "A" + times(2, kFffd) + "B");
  EXPECT_EQ(to_valid_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), times(4, kFffd) + "A");
}

TEST(Utf8, KnowsWhatMayStillBecomeACharacter) {
  EXPECT_EQ(unfinished_utf8_length(""), 0u);
  EXPECT_EQ(unfinished_utf8_length("abc"), 0u);
  EXPECT_EQ(unfinished_utf8_length("\xF0\x9F\x98\x80"), 0u);
  EXPECT_EQ(unfinished_utf8_length("a\xF0\x9F\x98"), 3u);
  EXPECT_EQ(unfinished_utf8_length("a\xF0\x9F"), 2u);
  EXPECT_EQ(unfinished_utf8_length("a\xC3"), 1u);
  EXPECT_EQ(unfinished_utf8_length("\x80\x80"), 0u);  // continues nothing
  EXPECT_EQ(unfinished_utf8_length("\xED\xA0"), 0u);  // would be a surrogate
  EXPECT_EQ(unfinished_utf8_length("\xF4\x90"), 0u);  // would be above U+10FFFF
  EXPECT_EQ(unfinished_utf8_length("\xE2\x96\x81\x81"), 0u);
}

}  // namespace
}  // namespace kilter::text
