// Long texts of one kind, which make careless tokenizers quadratic.
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "test_vocabularies.h"
#include "text/pre_tokenizers.h"
#include "text/splitter.h"

namespace kilter::text {
namespace {

constexpr size_t kShort = size_t{1} << 16, kLong = size_t{1} << 20;

std::string repeated(const std::string& unit, size_t bytes, const std::string& tail) {
  std::string text;
  while (text.size() < bytes) text += unit;
  return text + tail;
}

template <typename Work>
double seconds(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Sixteen times the text may take some forty times as long (the heap's logarithm, caches, a busy machine); a
/// quadratic algorithm takes 256 times as long.
void expect_almost_linear(double short_seconds, double long_seconds, const std::string& what) {
  constexpr double kFactor = 60, kNoise = 0.5;
  EXPECT_LT(long_seconds, kFactor * short_seconds + kNoise) << what << ": " << short_seconds << " s before";
}

/// The tail ends the run in a way that makes some patterns fail at the very last character.
struct OneKind {
  std::string unit, tail;
};

const std::vector<OneKind> kKinds = {{"a", ""},   {"A", "1"},       {" ", "x"},  {" ", "1"},
                                     {"\n", "x"}, {"1", "x"},       {"!", ""},   {"a ", ""},
                                     {"好", "a"}, {"a\u0301", "'"}, {"'s", " "}, {"\xFF", ""}};

TEST(Speed, OfEncodingIsAlmostLinear) {
  for (const char* file : {"ggml-vocab-gpt-2.gguf", "ggml-vocab-llama-spm.gguf"}) {
    const TokenizerPtr tokenizer = real_tokenizer(file);
    ASSERT_TRUE(tokenizer);
    for (const OneKind& kind : kKinds) {
      const std::string brief = repeated(kind.unit, kShort, kind.tail),
                        lengthy = repeated(kind.unit, kLong, kind.tail);
      expect_almost_linear(seconds([&] { (void)encode(*tokenizer, brief); }),
                           seconds([&] { (void)encode(*tokenizer, lengthy); }), file + (" " + kind.unit));
    }
  }
}

TEST(Speed, OfEveryPreTokenizerIsAlmostLinear) {
  std::set<const SplitRule*> seen;
  for (const PreTokenizer& row : all_pre_tokenizers()) {
    if (!seen.insert(row.rules.data()).second) continue;
    const auto splitter = Splitter::create(row.rules);
    ASSERT_TRUE(splitter.ok()) << row.name;
    for (const OneKind& kind : kKinds) {
      const std::string brief = repeated(kind.unit, kShort, kind.tail),
                        lengthy = repeated(kind.unit, kLong, kind.tail);
      expect_almost_linear(seconds([&] { (void)splitter->piece_ends(brief); }),
                           seconds([&] { (void)splitter->piece_ends(lengthy); }),
                           std::string(row.name) + " " + kind.unit + kind.tail);
    }
  }
}

// Groups in patterns need memory for each repetition: were PCRE2's limit reached, more pieces would come out.
TEST(Speed, IsNotBoughtWithOtherPieces) {
  const auto splitter = Splitter::create(find_pre_tokenizer("exaone-moe")->rules);
  ASSERT_TRUE(splitter.ok());
  EXPECT_EQ(splitter->piece_ends(repeated("a b\u0301 ", kLong, "x")).size(), 1u);
}

}  // namespace
}  // namespace kilter::text
