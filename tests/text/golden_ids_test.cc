// Ids that other engines give: goldens/README.md says which and how.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "test_vocabularies.h"

namespace kilter::text {
namespace {

struct Golden {
  std::string name;
  std::string vocabulary;
};

struct Case {
  std::string mode, text;
  std::vector<int32_t> ids;
};

std::vector<Case> read_cases(const std::string& name) {
  std::vector<Case> cases;
  std::ifstream file(KILTER_TEST_DATA "/goldens/" + name + ".ids");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find('\t'), second = line.find('\t', first + 1);
    Case one{line.substr(0, first), from_hex(line.substr(first + 1, second - first - 1)), {}};
    std::istringstream numbers(line.substr(second + 1));
    for (int32_t id = 0; numbers >> id;) one.ids.push_back(id);
    cases.push_back(std::move(one));
  }
  return cases;
}

EncodeOptions options_of(const std::string& mode) {
  return {mode == "as_text" ? SpecialTokens::as_text : SpecialTokens::recognise,
          mode == "add" ? BeginEnd::add : BeginEnd::leave_out};
}

std::vector<int32_t> ends_of(const Tokenizer& tokenizer) {
  std::vector<int32_t> ends;
  for (int32_t id = 0; id < tokenizer.size(); ++id) {
    if (tokenizer.ends_generation(id)) ends.push_back(id);
  }
  return ends;
}

class GoldenIds : public testing::TestWithParam<Golden> {};

TEST_P(GoldenIds, AreExact) {
  const TokenizerPtr tokenizer = real_tokenizer(GetParam().vocabulary);
  if (!tokenizer) GTEST_SKIP() << GetParam().vocabulary << " is not here; set -DKILTER_TOKENIZER_DATA=folder";
  const std::vector<Case> cases = read_cases(GetParam().name);
  ASSERT_GT(cases.size(), 200u);
  for (const Case& one : cases) {
    if (one.mode == "ends") {
      EXPECT_EQ(ends_of(*tokenizer), one.ids);
    } else {
      EXPECT_EQ(tokenizer->encode(one.text, options_of(one.mode)), one.ids) << one.mode << ": " << one.text;
    }
  }
}

// SPM reads U+2581 in a text as a space, and some vocabularies have no entry for a few control bytes.
TEST_P(GoldenIds, DecodeToTheText) {
  const TokenizerPtr tokenizer = real_tokenizer(GetParam().vocabulary);
  if (!tokenizer) GTEST_SKIP() << GetParam().vocabulary << " is not here; set -DKILTER_TOKENIZER_DATA=folder";
  size_t checked = 0;
  for (const Case& one : read_cases(GetParam().name)) {
    const bool has_lower_bar = one.text.find("\xE2\x96\x81") != std::string::npos;
    const bool has_rare_control =
        one.text.find_first_of("\x0b\x1d\x1c\x1e\x1f\x01\x02\x0c") != std::string::npos;
    if (one.mode != "as_text" || has_lower_bar || has_rare_control) continue;
    EXPECT_EQ(tokenizer->decode(one.ids), one.text);
    ++checked;
  }
  EXPECT_GT(checked, 30u);
}

INSTANTIATE_TEST_SUITE_P(All, GoldenIds,
                         testing::Values(Golden{"gpt-2", "ggml-vocab-gpt-2.gguf"},
                                         Golden{"llama-spm", "ggml-vocab-llama-spm.gguf"},
                                         Golden{"falcon", "ggml-vocab-falcon.gguf"},
                                         Golden{"smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"}),
                         [](const auto& instance) {
                           std::string name = instance.param.name;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace kilter::text
