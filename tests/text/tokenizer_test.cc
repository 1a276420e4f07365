// The rules of the tokenizers on vocabularies small enough to follow by hand.
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "test_vocabularies.h"

namespace kilter::text {
namespace {

using Entries = std::vector<std::string>;

TokenizerPtr make(const gguf::Metadata& metadata) {
  auto tokenizer = Tokenizer::from_metadata(metadata);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message();
  return tokenizer.ok() ? *tokenizer : nullptr;
}

Error error_of(const gguf::Metadata& metadata) {
  auto tokenizer = Tokenizer::from_metadata(metadata);
  EXPECT_FALSE(tokenizer.ok());
  return tokenizer.ok() ? Error{} : tokenizer.error();
}

const std::vector<TinyEntry> kSpmEntries = {{"▁", 1, -1.f},   {"a", 1, -2.f},   {"b", 1, -3.f},
                                            {"ab", 1, -10.f}, {"▁a", 1, -20.f}, {"bb", 1, -5.f}};

TEST(Spm, MergesTheHighestScoreFirst) {
  const TokenizerPtr tokenizer = make(tiny_spm(kSpmEntries));
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "ab")), (Entries{"▁", "ab"}));
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "abb")), (Entries{"▁a", "bb"}));
}

TEST(Spm, MergesTheLeftmostOfEqualScores) {
  const TokenizerPtr tokenizer = make(tiny_spm(kSpmEntries));
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "bbb")), (Entries{"▁", "bb", "b"}));
}

TEST(Spm, FallsBackToBytes) {
  const TokenizerPtr tokenizer = make(tiny_spm(kSpmEntries));
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "aé")), (Entries{"▁a", "<0xC3>", "<0xA9>"}));
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer,
                                       "a\xE2"
                                       "a")),
            (Entries{"▁a", "<0xE2>", "a"}));
}

TEST(Spm, PutsASpaceBeforeTextAtTheStartAndAfterSpecialTokens) {
  const TokenizerPtr tokenizer = make(tiny_spm(kSpmEntries));
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "a</s>a b")), (Entries{"▁a", "</s>", "▁a", "▁", "b"}));
  EXPECT_TRUE(encode(*tokenizer, "").empty());
}

TEST(Spm, LeavesTheSpaceOutWhenTheFileSaysSo) {
  gguf::Metadata metadata = tiny_spm(kSpmEntries);
  set(metadata, "tokenizer.ggml.add_space_prefix", false);
  const TokenizerPtr tokenizer = make(metadata);
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "a a")), (Entries{"a", "▁a"}));
  EXPECT_EQ(tokenizer->decode(encode(*tokenizer, " a")), " a");
}

TEST(Spm, DecodesBackToTheText) {
  const TokenizerPtr tokenizer = make(tiny_spm({{"▁"}, {"a"}, {"▁a"}, {"<x>", 4}}));
  for (const std::string text : {"a", " a", "  a ", "a<x>a", "a<x> a", "<x>", " "}) {
    EXPECT_EQ(tokenizer->decode(encode(*tokenizer, text)), text);
  }
}

TEST(Spm, AddsBosUnlessTheFileSaysNo) {
  gguf::Metadata metadata = tiny_spm(kSpmEntries);
  EXPECT_EQ(encode(*make(metadata), "", SpecialTokens::recognise, BeginEnd::add), (std::vector<int32_t>{1}));
  set(metadata, "tokenizer.ggml.add_bos_token", false);
  set(metadata, "tokenizer.ggml.add_eos_token", true);
  EXPECT_EQ(encode(*make(metadata), "", SpecialTokens::recognise, BeginEnd::add), (std::vector<int32_t>{2}));
}

TEST(Bpe, MergesTheLowestRankFirst) {
  const TokenizerPtr tokenizer = make(tiny_bpe("gpt-2", {"b c", "a b", "x y", "Ġ a"}, {}));
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "abc")), (Entries{"a", "bc"}));
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "ab a")), (Entries{"ab", "Ġa"}));
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "xyx")), (Entries{"xy", "x"}));
}

TEST(Bpe, MergesNothingAcrossPieces) {
  const TokenizerPtr tokenizer = make(tiny_bpe("gpt-2", {"a 1", "1 1"}, {}));
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "a11")), (Entries{"a", "11"}));
  const TokenizerPtr single_digits = make(tiny_bpe("smollm", {"a 1", "1 1"}, {}));
  EXPECT_EQ(entries(*single_digits, encode(*single_digits, "a11")), (Entries{"a", "1", "1"}));
}

TEST(Bpe, TakesAWholePieceWhereThePreTokenizerSaysSo) {
  EXPECT_EQ(encode(*make(tiny_bpe("llama-bpe", {"x y"}, {{"xyz"}})), "xyz"), (std::vector<int32_t>{257}));
  EXPECT_EQ(encode(*make(tiny_bpe("qwen2", {"x y"}, {{"xyz"}})), "xyz"), (std::vector<int32_t>{256, 'z'}));
}

TEST(Bpe, AddsBosWhereThePreTokenizerSaysSo) {
  gguf::Metadata metadata = tiny_bpe("llama-bpe", {"x y"}, {{"<bos>", 3}});
  set(metadata, "tokenizer.ggml.bos_token_id", uint32_t{257});
  EXPECT_EQ(encode(*make(metadata), "", SpecialTokens::recognise, BeginEnd::add),
            (std::vector<int32_t>{257}));
  set(metadata, "tokenizer.ggml.pre", std::string("gpt-2"));
  EXPECT_TRUE(encode(*make(metadata), "", SpecialTokens::recognise, BeginEnd::add).empty());
}

TEST(Bpe, HasNoBosWhenNoneIsNamed) {
  const TokenizerPtr tokenizer = make(tiny_bpe("llama-bpe", {"x y"}, {}));
  EXPECT_EQ(tokenizer->bos(), -1);
  EXPECT_EQ(tokenizer->eos(), -1);
  EXPECT_FALSE(tokenizer->adds_bos());
}

TEST(Bpe, UsesTheDefaultRuleForFilesWithoutPreTokenizer) {
  EXPECT_EQ(make(tiny_bpe("", {"x y"}, {}))->pre(), "default");
}

TEST(Gemma4, SpellsSpacesAsLowerBarsAndBytesInHexadecimal) {
  gguf::Metadata metadata = tiny_bpe("", {"▁ a"}, {{"\n\n"}, {"<0xC3>", 6}, {"<0xA9>", 6}, {"<bos>", 3}});
  set(metadata, "tokenizer.ggml.model", std::string("gemma4"));
  set(metadata, "tokenizer.ggml.add_bos_token", false);
  set(metadata, "tokenizer.ggml.bos_token_id", uint32_t{260});
  const TokenizerPtr tokenizer = make(metadata);
  EXPECT_EQ(entries(*tokenizer, encode(*tokenizer, "a a\n\na")), (Entries{"a", "▁a", "\n\n", "a"}));
  EXPECT_EQ(tokenizer->decode(encode(*tokenizer, "a a\n\na")), "a a\n\na");
  EXPECT_EQ(encode(*tokenizer, "", SpecialTokens::recognise, BeginEnd::add), (std::vector<int32_t>{260}));
  EXPECT_EQ(tokenizer->piece(258), "\xC3");
}

TEST(Pieces, AreEmptyForControlTokensAndForeignIds) {
  const TokenizerPtr tokenizer = make(tiny_spm(kSpmEntries));
  EXPECT_EQ(tokenizer->piece(1), "");
  EXPECT_EQ(tokenizer->piece(-1), "");
  EXPECT_EQ(tokenizer->piece(tokenizer->size()), "");
  EXPECT_EQ(tokenizer->decode({1, -5, 1 << 30, 3 + 'x'}), "x");
  EXPECT_FALSE(tokenizer->ends_generation(-1));
  EXPECT_FALSE(tokenizer->is_control(1 << 30));
}

TEST(FromMetadata, NamesTheModelsItKnows) {
  gguf::Metadata metadata = tiny_spm({});
  set(metadata, "tokenizer.ggml.model", std::string("bert"));
  const Error error = error_of(metadata);
  EXPECT_EQ(error.code, ErrorCode::unsupported);
  EXPECT_NE(error.message().find("'bert'"), std::string::npos);
  EXPECT_NE(error.message().find("gpt2"), std::string::npos);
}

TEST(FromMetadata, NamesThePreTokenizersItKnows) {
  const Error error = error_of(tiny_bpe("no-such-rule", {"x y"}, {}));
  EXPECT_EQ(error.code, ErrorCode::unsupported);
  EXPECT_EQ(error.subject, "tokenizer.ggml.pre");
  EXPECT_NE(error.message().find("no-such-rule"), std::string::npos);
  EXPECT_NE(error.message().find("llama-bpe"), std::string::npos);
}

TEST(FromMetadata, RefusesListsThatDoNotFit) {
  gguf::Metadata types = tiny_spm({});
  set(types, "tokenizer.ggml.token_type", gguf::Array{std::vector<int32_t>{1, 2}});
  EXPECT_EQ(error_of(types).subject, "tokenizer.ggml.token_type");
  gguf::Metadata scores = tiny_spm({});
  set(scores, "tokenizer.ggml.scores", gguf::Array{std::vector<float>(5000, 0.f)});
  EXPECT_EQ(error_of(scores).subject, "tokenizer.ggml.scores");
  gguf::Metadata empty = tiny_spm({});
  set(empty, "tokenizer.ggml.tokens", gguf::Array{std::vector<std::string>{}});
  EXPECT_EQ(error_of(empty).subject, "tokenizer.ggml.tokens");
}

TEST(FromMetadata, RefusesScoresThatAreNoNumbers) {
  const Error error = error_of(tiny_spm({{"a", 1, std::nanf("")}}));
  EXPECT_EQ(error.code, ErrorCode::corrupt);
  EXPECT_NE(error.message().find("entry 259"), std::string::npos);
}

TEST(FromMetadata, RefusesMergesOfOneSymbol) {
  gguf::Metadata metadata = tiny_bpe("gpt-2", {"x y"}, {});
  for (const std::string line : {"xy", "", "x ", " x"}) {
    set(metadata, "tokenizer.ggml.merges", gguf::Array{std::vector<std::string>{"a b", line}});
    EXPECT_EQ(error_of(metadata).subject, "tokenizer.ggml.merges") << line;
  }
}

TEST(FromMetadata, TakesSpecialIdsOutsideTheVocabularyAsNotGiven) {
  gguf::Metadata metadata = tiny_bpe("gpt-2", {"x y"}, {});
  set(metadata, "tokenizer.ggml.bos_token_id", uint32_t{0xFFFFFFFF});
  EXPECT_EQ(make(metadata)->bos(), -1);
}

}  // namespace
}  // namespace kilter::text
