// Special tokens in texts, and tokens that end generation.
#include <gtest/gtest.h>

#include "test_vocabularies.h"

namespace kilter::text {
namespace {

using Entries = std::vector<std::string>;

TokenizerPtr make(const gguf::Metadata& metadata) {
  auto tokenizer = Tokenizer::from_metadata(metadata);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message();
  return tokenizer.ok() ? *tokenizer : nullptr;
}

TokenizerPtr with_entries(const std::vector<TinyEntry>& added) { return make(tiny_bpe("gpt-2", {}, added)); }

TEST(SpecialTokens, LongestIsFoundFirstEvenIfItStartsLater) {
  const TokenizerPtr tokenizer = with_entries({{"ab", 3}, {"bcd", 3}});
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "abcd")), (Entries{"a", "bcd"}));
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "abab")), (Entries{"ab", "ab"}));
}

TEST(SpecialTokens, AsTextOnlyUserDefinedOnesAreFound) {
  const TokenizerPtr tokenizer = with_entries({{"<u>", 4}, {"<c>", 3}, {"<?>", 2}});
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "<u><c><?>", SpecialTokens::as_text)),
            (Entries{"<u>", "<", "c", ">", "<", "?", ">"}));
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "<u><c><?>")), (Entries{"<u>", "<c>", "<?>"}));
}

TEST(SpecialTokens, AreShownOnlyWhenUserDefined) {
  const TokenizerPtr tokenizer = with_entries({{"<u>", 4}, {"<c>", 3}});
  EXPECT_EQ(tokenizer->decode(encode(*tokenizer, "a<u>b<c>c")), "a<u>bc");
  EXPECT_TRUE(tokenizer->is_control(257));
  EXPECT_FALSE(tokenizer->is_control(256));
}

TEST(SpecialTokens, OfPhi3SwallowTheBlanksAfterThem) {
  gguf::Metadata metadata = tiny_bpe("gpt-2", {}, {{"<|user|>", 3}, {"<|endoftext|>", 3}});
  set(metadata, "general.name", std::string("Phi-3 Mini"));
  const TokenizerPtr tokenizer = make(metadata);
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "<|user|> \n a")), (Entries{"<|user|>", "a"}));
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "<|user|> \n")), (Entries{"<|user|>"}));
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "<|endoftext|> a")), (Entries{"<|endoftext|>", "Ġ", "a"}));
}

TEST(SpecialTokens, MaskOfJinaSwallowsTheBlanksBeforeIt) {
  const TokenizerPtr tokenizer = make(tiny_bpe("jina-v2-de", {}, {{"<mask>", 3}}));
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "a \t<mask> a")), (Entries{"a", "<mask>", "Ġ", "a"}));
}

TEST(EndOfGeneration, IsKnownByTextAndMakesTheTokenControl) {
  const TokenizerPtr tokenizer = with_entries({{"<|im_end|>", 1}, {"<|other|>", 3}, {"<|file_sep|>", 1}});
  EXPECT_TRUE(tokenizer->ends_generation(256));
  EXPECT_TRUE(tokenizer->is_control(256));
  EXPECT_FALSE(tokenizer->ends_generation(257));
  EXPECT_TRUE(tokenizer->ends_generation(258));
}

TEST(EndOfGeneration, IsKnownByKey) {
  gguf::Metadata metadata =
      tiny_bpe("gpt-2", {}, {{"<eos>", 3}, {"<turn>", 3}, {"<pad>", 3}, {"<|fim_pad|>", 3}});
  set(metadata, "tokenizer.ggml.eos_token_id", uint32_t{256});
  set(metadata, "tokenizer.ggml.eot_token_id", uint32_t{257});
  set(metadata, "tokenizer.ggml.fim_pad_token_id", uint32_t{258});
  const TokenizerPtr tokenizer = make(metadata);
  for (int32_t id = 256; id < 259; ++id) EXPECT_TRUE(tokenizer->ends_generation(id)) << id;
  EXPECT_FALSE(tokenizer->ends_generation(259));  // the key names another entry
}

TEST(EndOfGeneration, IsNotTheEndOfAHarmonyMessage) {
  const TokenizerPtr plain = with_entries({{"<|end|>", 3}});
  EXPECT_TRUE(plain->ends_generation(256));
  const TokenizerPtr harmony =
      with_entries({{"<|end|>", 3}, {"<|return|>", 3}, {"<|call|>", 3}, {"<|start|>", 3}});
  EXPECT_FALSE(harmony->ends_generation(256));
  EXPECT_TRUE(harmony->ends_generation(257));
  EXPECT_EQ(harmony->piece(259), "<|start|>");
}

}  // namespace
}  // namespace kilter::text
