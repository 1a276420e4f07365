#include "model/random/vocabulary.h"

#include <gtest/gtest.h>

#include <string>
#include <unordered_set>

#include "base/utf8.h"
#include "text/tokenizer.h"

namespace kilter {
namespace {

bool is_utf8(std::string_view text) { return !find_invalid_utf8(text); }

constexpr const char* kKinds[] = {"spm", "llama3", "qwen2", "smollm"};

const char* const kTexts[] = {
    "Hello world",
    " two  spaces, a\ttab\nand a line\r\n",
    ("caf\u00e9 na\u00efve \u4f60\u597d \u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439 "
     "\U0001f642\U0001f468\u200d\U0001f469"),
    "x = [1, 22, 333]; // <s> </s> <|im_start|> <0x41>",
    "\x01\x7f\u00a0\u3000\ufeff",
};

gguf::Metadata make(const char* kind, int64_t n_vocab) {
  gguf::Metadata metadata;
  const Status status = add_vocabulary(kind, n_vocab, metadata);
  EXPECT_TRUE(status.ok()) << status.error().message();
  return metadata;
}

std::shared_ptr<const text::Tokenizer> tokenizer_of(const gguf::Metadata& metadata) {
  auto tokenizer = text::Tokenizer::from_metadata(metadata);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message();
  return *tokenizer;
}

constexpr text::EncodeOptions kPlainText = {text::SpecialTokens::as_text, text::BeginEnd::leave_out};

TEST(RandomVocabulary, HasExactlyTheWantedEntriesAllDifferentAndUtf8) {
  for (const char* kind : kKinds) {
    for (const int64_t n : {266, 267, 300, 1024, 20000}) {
      const gguf::Metadata metadata = make(kind, n);
      const auto tokens = metadata.get_strings("tokenizer.ggml.tokens");
      ASSERT_TRUE(tokens.ok());
      EXPECT_EQ((*tokens)->size(), static_cast<size_t>(n)) << kind;
      EXPECT_EQ(std::unordered_set<std::string>((*tokens)->begin(), (*tokens)->end()).size(),
                static_cast<size_t>(n));
      for (const std::string& token : **tokens) ASSERT_TRUE(is_utf8(token)) << kind << ": " << token;
      const auto types = metadata.get_ints("tokenizer.ggml.token_type");
      ASSERT_TRUE(types.ok());
      EXPECT_EQ(types->size(), static_cast<size_t>(n));
    }
  }
}

TEST(RandomVocabulary, AnyTextComesBack) {
  for (const char* kind : kKinds) {
    for (const int64_t n : {266, 1024, 20000}) {
      const auto tokenizer = tokenizer_of(make(kind, n));
      for (const char* text : kTexts) {
        EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, kPlainText)), text) << kind << " " << n;
      }
    }
  }
}

// So that a model can be made to see each of its embeddings.
TEST(RandomVocabulary, EveryMergedWordIsOneToken) {
  for (const char* kind : kKinds) {
    const gguf::Metadata metadata = make(kind, 8192);
    const auto tokenizer = tokenizer_of(metadata);
    const std::vector<int64_t> types = *metadata.get_ints("tokenizer.ggml.token_type");
    int n_words = 0;
    for (int32_t id = 0; id < tokenizer->size(); ++id) {
      std::string word = tokenizer->piece(id);
      if (types[static_cast<size_t>(id)] != 1 || word.size() < 2 || !is_utf8(word)) continue;
      if (tokenizer->model() == "llama") {
        if (word[0] != ' ') continue;  // behind the space that SPM puts before a text
        word.erase(0, 1);
      }
      if (word.empty()) continue;
      EXPECT_EQ(tokenizer->encode(word, kPlainText), std::vector<int32_t>{id})
          << kind << ": '" << word << "'";
      ++n_words;
    }
    EXPECT_GT(n_words, 5000) << kind;
  }
}

TEST(RandomVocabulary, SpmScoresFallAndBpeMergesAreConsistent) {
  const gguf::Metadata spm = make("spm", 1000);
  const std::vector<float> scores = *spm.get_floats("tokenizer.ggml.scores");
  for (size_t i = 260; i < scores.size(); ++i) EXPECT_LT(scores[i], scores[i - 1]);

  const gguf::Metadata bpe = make("qwen2", 1000);
  const std::vector<std::string>& tokens = **bpe.get_strings("tokenizer.ggml.tokens");
  const std::unordered_set<std::string> known(tokens.begin(), tokens.end());
  const std::vector<std::string>& merges = **bpe.get_strings("tokenizer.ggml.merges");
  EXPECT_EQ(merges.size(), 1000u - 256 - 3);
  for (size_t i = 0; i < merges.size(); ++i) {
    const size_t space = merges[i].find(' ');
    const std::string left = merges[i].substr(0, space);
    const std::string right = merges[i].substr(space + 1);
    EXPECT_TRUE(known.contains(left) && known.contains(right)) << merges[i];
    EXPECT_EQ(tokens[256 + i], left + right);
  }
}

// The ids of Meta's and Alibaba's own files.
TEST(RandomVocabulary, SpecialTokensOfTheLargeShapesStandWherePeopleKnowThem) {
  const gguf::Metadata llama3 = make("llama3", 128256);
  EXPECT_EQ(*llama3.get_uint("tokenizer.ggml.bos_token_id"), 128000u);
  EXPECT_EQ(*llama3.get_uint("tokenizer.ggml.eos_token_id"), 128001u);
  EXPECT_EQ((**llama3.get_strings("tokenizer.ggml.tokens"))[128009], "<|eot_id|>");
  EXPECT_EQ((**llama3.get_strings("tokenizer.ggml.tokens"))[128255], "<|reserved_special_token_250|>");
  const gguf::Metadata qwen2 = make("qwen2", 151936);
  EXPECT_EQ(*qwen2.get_uint("tokenizer.ggml.eos_token_id"), 151643u);
  EXPECT_EQ((**qwen2.get_strings("tokenizer.ggml.tokens"))[151645], "<|im_end|>");
  EXPECT_EQ((**qwen2.get_strings("tokenizer.ggml.tokens"))[151646], "[PAD151646]");
}

TEST(RandomVocabulary, TooFewEntriesAreRefused) {
  for (const char* kind : kKinds) {
    gguf::Metadata metadata;
    const Status status = add_vocabulary(kind, 258, metadata);
    ASSERT_FALSE(status.ok()) << kind;
    EXPECT_EQ(status.error().subject, "n_vocab");
    EXPECT_NE(status.error().sentence.find("258 entries cannot hold the 2"), std::string::npos);
  }
}

}  // namespace
}  // namespace kilter
