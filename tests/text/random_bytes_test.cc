// Any bytes at all: nothing crashes, and vocabularies that have every byte give them back.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "test_vocabularies.h"
#include "text/pre_tokenizers.h"

namespace kilter::text {
namespace {

constexpr uint32_t kSeed = 20260925;
constexpr int kTexts = 1500;

/// Mostly bytes that begin or continue characters, so that sequences are broken in every way.
std::string random_bytes(std::mt19937& random) {
  static const std::string kCommon = " \n\t'<|>sa1\xC3\xA9\xE2\x96\x80\xF0\x9F\x98\xED\xA0\xF4\x90\xFF";
  std::string bytes(random() % 120, '\0');
  for (char& byte : bytes) {
    byte = random() % 4 == 0 ? static_cast<char>(random() & 0xFF) : kCommon[random() % kCommon.size()];
  }
  return bytes;
}

class RandomBytes : public testing::TestWithParam<std::string> {};

TEST_P(RandomBytes, ComeBack) {
  const TokenizerPtr tokenizer = real_tokenizer(GetParam());
  ASSERT_TRUE(tokenizer);
  std::mt19937 random(kSeed);
  for (int i = 0; i < kTexts; ++i) {
    const std::string text = random_bytes(random);
    if (text.find("\xE2\x96\x81") != std::string::npos) continue;  // SPM reads it as a space
    ASSERT_EQ(tokenizer->decode(encode(*tokenizer, text, SpecialTokens::as_text)), text) << "text " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, RandomBytes,
                         testing::Values("ggml-vocab-gpt-2.gguf", "ggml-vocab-llama-spm.gguf"),
                         [](const auto& instance) { return std::to_string(instance.index); });

TEST(RandomBytesTiny, ComeBackThroughEveryByteLevelPreTokenizer) {
  for (const PreTokenizer& row : all_pre_tokenizers()) {
    if (row.spelling != Spelling::byte_level) continue;
    const auto tokenizer = Tokenizer::from_metadata(tiny_bpe(row.name, {"Ġ a", "\xC3\x83 \xC2\xA9"}, {}));
    ASSERT_TRUE(tokenizer.ok()) << row.name;
    std::mt19937 random(kSeed);
    for (int i = 0; i < kTexts / 50; ++i) {
      const std::string text = random_bytes(random);
      ASSERT_EQ((*tokenizer)->decode(encode(**tokenizer, text)), text) << row.name;
    }
  }
}

}  // namespace
}  // namespace kilter::text
