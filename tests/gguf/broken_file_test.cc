// Files that break the format, one rule each. Every one must be refused with a sentence about that rule.
#include <gtest/gtest.h>

#include <limits>
#include <ostream>
#include <string>

#include "gguf/file.h"
#include "support.h"

namespace kilter::gguf {
namespace {

constexpr uint32_t kU8 = 0, kU32 = 4, kBool = 7, kString = 8, kArray = 9, kU64 = 10;
constexpr uint32_t kF32 = 0, kQ4_0 = 2, kQ4_2 = 4;
constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();

struct Broken {
  const char* name;
  HandMade file;
  const char* subject;   ///< a part of it
  const char* sentence;  ///< a part of it
  ErrorCode code = ErrorCode::corrupt;
};

void PrintTo(const Broken& broken, std::ostream* out) { *out << broken.name; }

HandMade one_key() { return HandMade().header(0, 1); }
HandMade one_tensor() { return HandMade().header(1, 0); }
HandMade two_tensors() { return HandMade().header(2, 0); }

HandMade with_alignment(uint32_t alignment) {
  return one_key().string("general.alignment").u32(kU32).u32(alignment);
}

HandMade nested(int depth) {
  HandMade file = one_key().string("k").u32(kArray);
  for (int i = 1; i < depth; ++i) file.u32(kArray).u64(1);
  return file.u32(kU8).u64(1).u8(1);
}

std::vector<Broken> broken_starts() {
  const auto unsupported = ErrorCode::unsupported;
  return {
      {"Empty", HandMade(), "test.gguf", "is empty"},
      {"OneLetter", HandMade().letters("G"), "test.gguf", "starts with the letters GGUF"},
      {"Magic", HandMade().letters("GGUX").u32(3).zeros(16), "test.gguf", "and this one with 'GGUX'"},
      {"Ggml", HandMade().letters("lmgg").zeros(16), "test.gguf", "is a GGML file", unsupported},
      {"Safetensors", HandMade().u64(64).letters("{\"a\":{}}"), "test.gguf", "is a safetensors file",
       unsupported},
      {"WebPage", HandMade().letters("<!DOCTYPE html>"), "test.gguf", "is a web page", unsupported},
      {"Lfs", HandMade().letters("version https://git-lfs.github.com/spec/v1"), "test.gguf", "LFS",
       unsupported},
      {"Reversed", HandMade().letters("FUGG").zeros(16), "test.gguf", "in reverse", unsupported},
      {"MagicOnly", HandMade().letters("GGUF"), "header", "ends inside the version"},
      {"Version0", HandMade().header(0, 0, 0), "header", "version 0", unsupported},
      {"Version1", HandMade().header(0, 0, 1), "header", "version 1, which counts in 32 bits", unsupported},
      {"Version1Big", HandMade().header(0, 0, 0x01000000), "header", "version 1,", unsupported},
      {"Version4", HandMade().header(0, 0, 4), "header", "version 4, and this build reads 2 and 3",
       unsupported},
      {"NoCounts", HandMade().letters("GGUF").u32(3), "header", "ends inside the number of tensors"},
      {"TensorCount", HandMade().header(kHuge, 0), "header", "the number of tensors is 18446744073709551615"},
      {"KeyCount", HandMade().header(0, 1000).zeros(13999), "header", "the number of keys is 1000"},
  };
}

std::vector<Broken> broken_keys() {
  return {
      {"NoKey", one_key().zeros(14), "key 1 of 1", "0 bytes long, where 1 to 65535"},
      {"LongKey", one_key().string(std::string(65536, 'k')).zeros(5), "key 1 of 1", "65536 bytes long"},
      {"KeyPastEnd", one_key().u64(60000).zeros(8), "key 1 of 1", "60000 bytes are needed"},
      {"KeyNotUtf8", one_key().string("a\xff").u32(kU8).u8(1), "key 1 of 1", "byte 0xff at byte 33"},
      {"UnknownType", one_key().string("k").u32(13).u8(1), "key 'k'",
       "the type of the value is 13 (at byte 33)"},
      {"ValueCut", one_key().string("k").u32(kU64).u32(1), "key 'k'", "ends inside the value"},
      {"Bool2", one_key().string("k").u32(kBool).u8(2), "key 'k'",
       "a bool is 0 or 1, and the byte at 37 is 2"},
      {"StringPastEnd", one_key().string("k").u32(kString).u64(kHuge), "key 'k'",
       "18446744073709551615 bytes"},
      {"StringNotUtf8", one_key().string("k").u32(kString).string("ab\xc0\x80"), "key 'k'",
       "byte 0xc0 at byte 47"},
      {"Surrogate", one_key().string("k").u32(kString).string("\xed\xa0\x80"), "key 'k'", "not UTF-8"},
      {"CutCharacter", one_key().string("k").u32(kString).string("\xe4\xb8"), "key 'k'", "not UTF-8"},
      {"ArrayType", one_key().string("k").u32(kArray).u32(99).u64(0), "key 'k'",
       "type of the elements is 99"},
      {"ArrayCount", one_key().string("k").u32(kArray).u32(kU32).u64(uint64_t{1} << 62), "key 'k'",
       "the number of elements is 4611686018427387904"},
      {"StringCount", one_key().string("k").u32(kArray).u32(kString).u64(2).zeros(15), "key 'k'",
       "at least 8 bytes"},
      {"Element", one_key().string("k").u32(kArray).u32(kString).u64(2).string("a").u64(9),
       "key 'k', element 1", "9 bytes are needed"},
      {"BoolElement", one_key().string("k").u32(kArray).u32(kBool).u64(2).u8(1).u8(3), "key 'k', element 1",
       "is 3"},
      {"Nested9", nested(9), "key 'k'", "nested deeper than 8"},
      {"Twice", HandMade().header(0, 2).string("k").u32(kU8).u8(1).string("k").u32(kU8).u8(1), "metadata",
       "key 'k' is there twice"},
      {"Alignment0", with_alignment(0), "metadata", "general.alignment is 0"},
      {"Alignment4", with_alignment(4), "metadata", "general.alignment is 4"},
      {"Alignment36", with_alignment(36), "metadata", "a multiple of 8"},
      {"AlignmentHuge", with_alignment(0xfffffff8), "metadata", "up to 16777216"},
      {"AlignmentString", one_key().string("general.alignment").u32(kString).string("32"), "metadata",
       "expected an integer"},
  };
}

std::vector<Broken> broken_tensors() {
  const auto unsupported = ErrorCode::unsupported;
  const std::string name65(65, 'n');
  return {
      {"NoName", one_tensor().tensor("", {8}, kF32, 0).zeros(40), "tensor 1 of 1", "0 bytes long"},
      {"LongName", one_tensor().tensor(name65, {8}, kF32, 0).align().zeros(32), "tensor 1 of 1",
       "65 bytes long"},
      {"NameNotUtf8", one_tensor().tensor("\xfe", {8}, kF32, 0).align().zeros(32), "tensor 1 of 1",
       "not UTF-8"},
      {"Rank0", one_tensor().tensor("t", {}, kF32, 0).zeros(32), "tensor 't'", "has 0 axes (at byte 33)"},
      {"Rank5", one_tensor().tensor("t", {1, 1, 1, 1, 1}, kF32, 0).align().zeros(32), "tensor 't'",
       "has 5 axes"},
      {"Extent0", one_tensor().tensor("t", {8, 0}, kF32, 0).align(), "tensor 't'", "[8, 0] holds no values"},
      {"Product", one_tensor().tensor("t", {1ull << 32, 1ull << 32}, kF32, 0).align(), "tensor 't'",
       "larger than any"},
      {"Bytes", one_tensor().tensor("t", {1ull << 61}, kF32, 0).align(), "tensor 't'",
       "larger than any file"},
      {"Block", one_tensor().tensor("t", {33}, kQ4_0, 0).align().zeros(64), "tensor 't'",
       "rows of 33 values"},
      {"Retired", one_tensor().tensor("t", {32}, kQ4_2, 0).align().zeros(64), "tensor 't'", "has given up",
       unsupported},
      {"Type", one_tensor().tensor("t", {32}, 4096, 0).align().zeros(64), "tensor 't'", "has type 4096",
       unsupported},
      {"Unaligned", one_tensor().tensor("t", {8}, kF32, 8).align().zeros(64), "tensor 't'",
       "offset 8 is not a multiple of the alignment 32"},
      {"Truncated", one_tensor().tensor("t", {8}, kF32, 0).align().zeros(25), "tensor 't'",
       "the file ends 7 bytes early"},
      {"NoData", one_tensor().tensor("t", {8}, kF32, 0), "tensor 't'", "the file ends 32 bytes early"},
      {"FarOffset", one_tensor().tensor("t", {8}, kF32, kHuge - 31).align().zeros(32), "tensor 't'",
       "beyond any file"},
      {"Overlap", two_tensors().tensor("a", {16}, kF32, 0).tensor("b", {8}, kF32, 32).align().zeros(64),
       "tensor 'b'", "inside that of tensor 'a' (bytes 0 to 64)"},
      {"SamePlace", two_tensors().tensor("a", {8}, kF32, 0).tensor("b", {8}, kF32, 0).align().zeros(64),
       "tensor", "inside that of tensor"},
      {"Twice", two_tensors().tensor("a", {8}, kF32, 0).tensor("a", {8}, kF32, 32).align().zeros(64),
       "tensor 'a'", "is there twice"},
      {"Escapes", one_tensor().tensor("\x1b[31m", {0}, kF32, 0).align(), "tensor '\\x1b[31m'",
       "holds no values"},
  };
}

class BrokenFile : public testing::TestWithParam<Broken> {};

TEST_P(BrokenFile, IsRefusedWithASentence) {
  const Broken& broken = GetParam();
  const auto file = File::parse(broken.file.bytes(), "test.gguf");
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, broken.code) << file.error().message();
  EXPECT_TRUE(subject_of(file).starts_with("test.gguf")) << subject_of(file);
  EXPECT_NE(subject_of(file).find(broken.subject), std::string::npos) << subject_of(file);
  EXPECT_NE(sentence_of(file).find(broken.sentence), std::string::npos) << sentence_of(file);
}

std::string case_name(const testing::TestParamInfo<Broken>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Starts, BrokenFile, testing::ValuesIn(broken_starts()), case_name);
INSTANTIATE_TEST_SUITE_P(Keys, BrokenFile, testing::ValuesIn(broken_keys()), case_name);
INSTANTIATE_TEST_SUITE_P(Tensors, BrokenFile, testing::ValuesIn(broken_tensors()), case_name);

// The other side of each limit.
TEST(FileAtTheLimit, IsAccepted) {
  const std::vector<std::pair<const char*, HandMade>> files = {
      {"nothing in it", HandMade().header(0, 0)},
      {"longest key", one_key().string(std::string(65535, 'k')).u32(kU8).u8(1)},
      {"nested 8 deep", nested(8)},
      {"empty array", one_key().string("k").u32(kArray).u32(kString).u64(0)},
      {"empty string", one_key().string("k").u32(kString).string("")},
      {"alignment 8", with_alignment(8)},
      {"alignment 24", with_alignment(24)},
      {"longest name", one_tensor().tensor(std::string(64, 'n'), {8}, kF32, 0).align().zeros(32)},
      {"four axes", one_tensor().tensor("t", {2, 2, 2, 1}, kF32, 0).align().zeros(32)},
      {"no padding at the end", one_tensor().tensor("t", {1}, kF32, 0).align().zeros(4)},
      {"data in another order than the entries",
       two_tensors().tensor("a", {8}, kF32, 32).tensor("b", {8}, kF32, 0).align().zeros(64)},
      {"a gap", two_tensors().tensor("a", {8}, kF32, 0).tensor("b", {8}, kF32, 96).align().zeros(128)},
  };
  for (const auto& [name, hand_made] : files) {
    const auto file = File::parse(hand_made.bytes(), "test.gguf");
    EXPECT_TRUE(file.ok()) << name << ": " << (file ? "" : file.error().message());
  }
}

}  // namespace
}  // namespace kilter::gguf
