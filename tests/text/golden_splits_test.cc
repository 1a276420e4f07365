// Where pre-tokenizers cut, against Hugging Face's tokenizers library: goldens/README.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "test_vocabularies.h"
#include "text/pre_tokenizers.h"
#include "text/splitter.h"

namespace kilter::text {
namespace {

struct Goldens {
  std::vector<std::string> texts;
  std::map<std::string, std::vector<std::vector<size_t>>> lengths;  // by pre-tokenizer, then by text
};

Goldens read_goldens() {
  Goldens goldens;
  std::ifstream file(KILTER_TEST_DATA "/goldens/splits.txt");
  for (std::string line; std::getline(file, line);) {
    const size_t tab = line.find('\t');
    const std::string name = line.substr(0, tab), rest = line.substr(tab + 1);
    if (name == "text") {
      goldens.texts.push_back(from_hex(rest));
      continue;
    }
    std::vector<size_t> lengths;
    std::istringstream numbers(rest);
    for (size_t length = 0; numbers >> length;) lengths.push_back(length);
    goldens.lengths[name].push_back(std::move(lengths));
  }
  return goldens;
}

std::vector<size_t> piece_lengths(const Splitter& splitter, const std::string& text) {
  std::vector<size_t> lengths;
  size_t begin = 0;
  for (const size_t end : splitter.piece_ends(text)) {
    lengths.push_back(end - begin);
    begin = end;
  }
  return lengths;
}

TEST(GoldenSplits, AreExactForEverySetOfRules) {
  const Goldens goldens = read_goldens();
  ASSERT_GT(goldens.texts.size(), 100u);
  for (const auto& [name, lengths] : goldens.lengths) {
    const PreTokenizer* pre = find_pre_tokenizer(name);
    ASSERT_NE(pre, nullptr) << name;
    const auto splitter = Splitter::create(pre->rules);
    ASSERT_TRUE(splitter.ok()) << splitter.error().message();
    ASSERT_EQ(lengths.size(), goldens.texts.size());
    for (size_t i = 0; i < lengths.size(); ++i) {
      EXPECT_EQ(piece_lengths(*splitter, goldens.texts[i]), lengths[i]) << name << ": " << goldens.texts[i];
    }
  }
}

TEST(GoldenSplits, CoverEveryRow) {
  const Goldens goldens = read_goldens();
  for (const PreTokenizer& row : all_pre_tokenizers()) {
    const bool covered =
        std::any_of(goldens.lengths.begin(), goldens.lengths.end(), [&row](const auto& golden) {
          return find_pre_tokenizer(golden.first)->rules.data() == row.rules.data();
        });
    EXPECT_TRUE(covered) << row.name;
  }
}

TEST(PreTokenizers, AreSortedByNameWithoutDoubles) {
  const auto rows = all_pre_tokenizers();
  for (size_t i = 1; i < rows.size(); ++i) EXPECT_LT(rows[i - 1].name, rows[i].name);
}

}  // namespace
}  // namespace kilter::text
