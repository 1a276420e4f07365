#include <gtest/gtest.h>

#include "test_vocabularies.h"

namespace kilter::text {
namespace {

TokenizerPtr bytes_only() {
  auto tokenizer = Tokenizer::from_metadata(tiny_bpe("gpt-2", {}, {{"<|end|>", 3}}));
  return tokenizer.ok() ? *tokenizer : nullptr;
}

TEST(StreamDecoder, HoldsBackHalfACharacter) {
  StreamDecoder decoder(bytes_only());
  EXPECT_EQ(decoder.push(0xF0), "");
  EXPECT_EQ(decoder.push(0x9F), "");
  EXPECT_EQ(decoder.push(0x98), "");
  EXPECT_EQ(decoder.push(0x80), "😀");
  EXPECT_EQ(decoder.push('a'), "a");
  EXPECT_EQ(decoder.finish(), "");
}

TEST(StreamDecoder, GivesOutWhatCanNeverBecomeACharacter) {
  StreamDecoder decoder(bytes_only());
  EXPECT_EQ(decoder.push(0xFF), "\uFFFD");
  EXPECT_EQ(decoder.push(0xE2), "");
  EXPECT_EQ(decoder.push('x'), "\uFFFDx");
  EXPECT_EQ(decoder.push(0xE2), "");
  EXPECT_EQ(decoder.push(0x82), "");
  EXPECT_EQ(decoder.finish(), "\uFFFD");
  EXPECT_EQ(decoder.finish(), "");
}

TEST(StreamDecoder, IsSilentOnControlTokensAndUnknownIds) {
  StreamDecoder decoder(bytes_only());
  EXPECT_EQ(decoder.push(256), "");
  EXPECT_EQ(decoder.push(-1), "");
  EXPECT_EQ(decoder.push(100000), "");
}

TEST(StreamDecoder, KeepsTheSpaceOfAContinuation) {
  auto tokenizer = Tokenizer::from_metadata(tiny_spm({{"▁Paris"}}));
  ASSERT_TRUE(tokenizer.ok());
  StreamDecoder decoder(*tokenizer);
  EXPECT_EQ(decoder.push(259), " Paris");
}

}  // namespace
}  // namespace kilter::text
