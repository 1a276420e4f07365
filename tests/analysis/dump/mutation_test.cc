// Damaged dumps of every format: whatever they say, the answer is a dump that can be loaded or an error with
// a sentence. Under the sanitizers this also proves that no byte outside the file is touched.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/philox.h"
#include "base/utf8.h"
#include "support.h"

namespace kilter::analysis {
namespace {

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool is_printable(const std::string& text) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  return !find_invalid_utf8(text) && std::none_of(text.begin(), text.end(), is_control);
}

// Uses all that an accepted dump hands out.
void touch(const Dump& dump) {
  for (const auto& [at, value] : dump.values) {
    EXPECT_FALSE(value.rows.empty());
    EXPECT_TRUE(is_printable(value.source));
    const auto elements = value.load();
    if (!elements) continue;
    EXPECT_EQ(elements->values.size(), value.rows.size() * static_cast<size_t>(value.row_size()));
    EXPECT_TRUE(elements->known.empty() || elements->known.size() == elements->values.size());
    for (const int32_t row : value.rows) EXPECT_LT(static_cast<size_t>(row), dump.tokens.size());
  }
  for (const auto& notes : {dump.unmatched, dump.remarks}) {
    for (const Note& note : notes) EXPECT_TRUE(is_printable(note.subject + note.sentence)) << note.sentence;
  }
  for (const ObservedWeight& weight : dump.weights) {
    const auto elements = weight.load();
    if (elements) {
      EXPECT_EQ(elements->values.size(), static_cast<size_t>(weight.rows * weight.cols));
    }
  }
}

class DamagedDump : public testing::TestWithParam<const char*> {
 protected:
  void try_it(const std::string& bytes) {
    const std::string path = written(GetParam(), bytes);
    // Files without ids need as many as their rows.
    for (const size_t n_tokens : std::initializer_list<size_t>{0, 1, 2, 3, 9}) {
      DumpContext context = n_tokens == 1 ? DumpContext{} : model_.context();
      context.tokens.assign(n_tokens == 1 ? 3 : n_tokens, 1);
      const auto dump = read_dump(std::vector{path}, context);
      if (dump) {
        ++accepted_;
        touch(*dump);
      } else {
        EXPECT_FALSE(dump.error().sentence.empty());
        EXPECT_FALSE(find_invalid_utf8(dump.error().message())) << dump.error().message();
      }
    }
  }

  TestModel model_;
  int accepted_ = 0;
};

TEST_P(DamagedDump, IsReadOrRefusedWithASentence) {
  const std::string whole = bytes_of(sample(GetParam()));
  written("side.raw", bytes_of(sample("side.raw")));  // which side.json points at
  ASSERT_FALSE(whole.empty());
  constexpr uint64_t kSeed = 5;
  uint64_t counter = 0;
  const auto random = [&](size_t n) {
    return static_cast<size_t>(philox_uniform(kSeed, counter++) * static_cast<double>(n));
  };
  constexpr int kMutants = 200;
  for (int i = 0; i < kMutants; ++i) {
    std::string mutant = whole;
    // Headers stand at the front, zip's table at the end, and damage is wanted there above all.
    const size_t span = std::min(whole.size(), size_t{600});
    const size_t place = i % 3 == 0   ? random(whole.size())
                         : i % 3 == 1 ? random(span)
                                      : whole.size() - 1 - random(span);
    switch (i % 5) {
      case 0:
        mutant.resize(place);
        break;
      case 1:
        mutant[place] = static_cast<char>(mutant[place] ^ (1 << random(8)));
        break;
      case 2:
        mutant.replace(place, std::min<size_t>(4, whole.size() - place), "\xff\xff\xff\xff");
        break;
      case 3:
        mutant.insert(place, "9");
        break;
      default:
        mutant.erase(place, 1 + random(40));
        break;
    }
    try_it(mutant);
  }
  EXPECT_GT(accepted_, 0);
}

INSTANTIATE_TEST_SUITE_P(Samples, DamagedDump,
                         testing::Values("layouts.npz", "prompt.npz", "hugging_face.safetensors",
                                         "polygraphy.json", "side.json", "eval_callback.txt",
                                         "llama_debug.txt", "ggml_debug.txt", "scripts.txt",
                                         "blk.1.attn_output.npy", "llamacpp-ll.bin", "llamacpp-ll.txt"));

}  // namespace
}  // namespace kilter::analysis
