// Tens of thousands of damaged files. Whatever they say, the answer is a file that can be used or an error
// that can be read; under the sanitizers this also proves that no byte outside the file is touched.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/utf8.h"
#include "gguf/encode.h"
#include "gguf/file.h"
#include "mutants.h"

namespace kilter::gguf {
namespace {

/// Uses everything that an accepted file hands out.
uint64_t touch(const File& file) {
  uint64_t sum = 0;
  for (const KeyValue& entry : file.metadata().entries)
    sum += entry.key.size() + to_string(entry.value).size();
  for (const TensorInfo& tensor : file.tensors()) {
    EXPECT_EQ(file.find(tensor.name), &tensor);
    sum = std::accumulate(tensor.bytes.begin(), tensor.bytes.end(), sum,
                          [](uint64_t s, std::byte b) { return s + std::to_integer<uint64_t>(b); });
  }
  return sum;
}

/// The reader lost nothing when its answer can be written as the same header.
void expect_nothing_lost(const File& file, const Bytes& bytes) {
  std::vector<TensorEntry> entries;
  for (const TensorInfo& t : file.tensors()) entries.push_back({t.name, t.type, t.ne, t.offset});
  const Bytes header = encode_header(file.version(), file.byte_order(), file.metadata(), entries);
  ASSERT_EQ(header.size(), file.shard(0).header_bytes);
  EXPECT_TRUE(std::equal(header.begin(), header.end(), bytes.begin()));
}

/// A message goes to a terminal, so it must not bring along what a file put into a name.
bool is_printable(const std::string& message) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  return !find_invalid_utf8(message) && std::none_of(message.begin(), message.end(), is_control);
}

class Mutation : public testing::TestWithParam<const char*> {};

TEST_P(Mutation, IsReadOrRefusedWithASentence) {
  const Bytes original = read_bytes(golden(GetParam()));
  const auto whole = File::parse(original, "original");
  ASSERT_TRUE(whole.ok()) << whole.error().message();
  uint64_t accepted = 0;
  uint64_t refused = 0;
  for_each_mutant(original, whole->shard(0).header_bytes, [&](const Bytes& mutant) {
    const auto file = File::parse(mutant, "mutant");
    if (file) {
      ++accepted;
      EXPECT_GE(touch(*file), 0u);
      expect_nothing_lost(*file, mutant);
    } else {
      ++refused;
      EXPECT_FALSE(file.error().subject.empty());
      EXPECT_FALSE(file.error().sentence.empty());
      EXPECT_TRUE(is_printable(file.error().message())) << file.error().message();
    }
  });
  EXPECT_GT(accepted, original.size());
  EXPECT_GT(refused, original.size());
  RecordProperty("accepted", std::to_string(accepted));
  RecordProperty("refused", std::to_string(refused));
}

INSTANTIATE_TEST_SUITE_P(Goldens, Mutation, testing::ValuesIn(kMutatedFiles));

}  // namespace
}  // namespace kilter::gguf
