// Files that gguf-py wrote, read back: every expected value is the one make_goldens.py gave to gguf-py.
#include "gguf/file.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "support.h"

namespace kilter::gguf {
namespace {

template <typename T>
void expect_scalar(const Metadata& metadata, std::string_view name, T expected) {
  const Value* value = metadata.find("test." + std::string(name));
  ASSERT_NE(value, nullptr) << name;
  ASSERT_TRUE(std::holds_alternative<T>(*value)) << name << " is " << type_name(*value);
  EXPECT_EQ(std::get<T>(*value), expected) << name;
}

template <typename T>
void expect_array(const Metadata& metadata, std::string_view name, const std::vector<T>& expected) {
  const Value* value = metadata.find("test.array." + std::string(name));
  ASSERT_NE(value, nullptr) << name;
  const auto* elements = std::get_if<std::vector<T>>(&std::get<Array>(*value).elements);
  ASSERT_NE(elements, nullptr) << name << " is " << type_name(*value);
  EXPECT_EQ(*elements, expected) << name;
}

class EveryType : public testing::TestWithParam<const char*> {};

TEST_P(EveryType, Scalars) {
  const auto file = File::open(golden(GetParam()));
  ASSERT_TRUE(file.ok()) << file.error().message();
  const Metadata& m = file->metadata();
  expect_scalar<uint8_t>(m, "u8", 255);
  expect_scalar<int8_t>(m, "i8", -128);
  expect_scalar<uint16_t>(m, "u16", 65535);
  expect_scalar<int16_t>(m, "i16", -32768);
  expect_scalar<uint32_t>(m, "u32", 4294967295u);
  expect_scalar<int32_t>(m, "i32", std::numeric_limits<int32_t>::min());
  expect_scalar<float>(m, "f32", 0.1f);
  expect_scalar<bool>(m, "bool", true);
  expect_scalar<std::string>(m, "string", "h\u00e9llo \u4e16\u754c \U0001f600");
  expect_scalar<uint64_t>(m, "u64", std::numeric_limits<uint64_t>::max());
  expect_scalar<int64_t>(m, "i64", std::numeric_limits<int64_t>::min());
  expect_scalar<double>(m, "f64", 0.1);
}

TEST_P(EveryType, Arrays) {
  const auto file = File::open(golden(GetParam()));
  ASSERT_TRUE(file.ok()) << file.error().message();
  const Metadata& m = file->metadata();
  expect_array<uint8_t>(m, "u8", {0, 1, 255});
  expect_array<int8_t>(m, "i8", {0, -1, 127});
  expect_array<uint16_t>(m, "u16", {1, 2, 65535});
  expect_array<int16_t>(m, "i16", {-1, 258, 3});
  expect_array<uint32_t>(m, "u32", {1, 2147483648u, 3});
  expect_array<int32_t>(m, "i32", {-1, 2, 66051});
  expect_array<float>(m, "f32", {0.5f, -1.25f, 3.0f});
  expect_array<bool>(m, "bool", {true, false, true});
  expect_array<std::string>(m, "string", {"", "a", "\u2581the"});
  expect_array<uint64_t>(m, "u64", {1, uint64_t{1} << 63, 3});
  expect_array<int64_t>(m, "i64", {-1, 2, -3});
  expect_array<double>(m, "f64", {0.5, 1e300, -0.0});
}

TEST_P(EveryType, NestedArrays) {
  const auto file = File::open(golden(GetParam()));
  ASSERT_TRUE(file.ok()) << file.error().message();
  EXPECT_EQ(to_string(*file->metadata().find("test.nested")), "[[1, 2], [3], [4, 5, 6]]");
  EXPECT_EQ(type_name(*file->metadata().find("test.nested")), "array of array of i32");
  EXPECT_EQ(to_string(*file->metadata().find("test.nested.deep")), R"([[["x", "y"], ["z"]], [["w"]]])");
}

INSTANTIATE_TEST_SUITE_P(ByteOrders, EveryType, testing::Values("metadata.gguf", "metadata_big.gguf"));

TEST(File, KnowsItsByteOrderAndVersion) {
  const auto little = File::open(golden("metadata.gguf"));
  const auto big = File::open(golden("metadata_big.gguf"));
  const auto two = File::open(golden("version2.gguf"));
  ASSERT_TRUE(little && big && two);
  EXPECT_EQ(little->byte_order(), ByteOrder::little);
  EXPECT_EQ(big->byte_order(), ByteOrder::big);
  EXPECT_EQ(little->version(), 3u);
  EXPECT_EQ(big->version(), 3u);
  EXPECT_EQ(two->version(), 2u);
  EXPECT_EQ(two->tensors().size(), 4u);
}

TEST(File, FindsTensorsWithTheirShapesAndData) {
  const auto file = File::open(golden("tensors.gguf"));
  ASSERT_TRUE(file.ok()) << file.error().message();
  ASSERT_EQ(file->tensors().size(), 4u);
  EXPECT_EQ(file->alignment(), 32u);
  EXPECT_EQ(file->file_bytes(), 544u);
  EXPECT_EQ(file->tensors()[1].name, "vector.f16");

  const TensorInfo* matrix = file->find("matrix.f32");
  ASSERT_NE(matrix, nullptr);
  EXPECT_EQ(matrix->type, DType::f32);
  EXPECT_EQ(matrix->ne, (std::vector<uint64_t>{3, 2}));
  EXPECT_EQ(matrix->extent(3), 1u);
  EXPECT_EQ(matrix->elements(), 6u);
  std::array<float, 6> values{};
  ASSERT_EQ(matrix->bytes.size(), sizeof values);
  std::memcpy(values.data(), matrix->bytes.data(), sizeof values);
  EXPECT_EQ(values, (std::array<float, 6>{0.0f, 0.125f, 0.25f, 0.375f, 0.5f, 0.625f}));

  const TensorInfo* blocks = file->find("blocks.q8_0");
  ASSERT_NE(blocks, nullptr);
  EXPECT_EQ(blocks->type, DType::q8_0);
  EXPECT_EQ(blocks->ne, (std::vector<uint64_t>{32, 2}));
  EXPECT_EQ(blocks->bytes.size(), 68u);
  EXPECT_EQ(blocks->bytes[35], std::byte{0xb8});  // the high byte of the second scale, -0.5
  EXPECT_EQ(file->find("nothing"), nullptr);
  EXPECT_EQ(file->find(""), nullptr);
}

TEST(File, HandsOutBigEndianTensorsInLittleEndian) {
  const auto little = File::open(golden("tensors.gguf"));
  const auto big = File::open(golden("tensors_big.gguf"));
  ASSERT_TRUE(little.ok());
  ASSERT_TRUE(big.ok()) << big.error().message();
  EXPECT_NE(read_bytes(golden("tensors.gguf")), read_bytes(golden("tensors_big.gguf")));
  for (const TensorInfo& expected : little->tensors()) {
    const TensorInfo* actual = big->find(expected.name);
    ASSERT_NE(actual, nullptr) << expected.name;
    EXPECT_TRUE(std::ranges::equal(actual->bytes, expected.bytes)) << expected.name;
  }
}

TEST(File, ObeysTheAlignmentOfTheMetadata) {
  const auto file = File::open(golden("aligned64.gguf"));
  ASSERT_TRUE(file.ok()) << file.error().message();
  EXPECT_EQ(file->alignment(), 64u);
  EXPECT_EQ(file->shard(0).data_offset % 64, 0u);
  for (const TensorInfo& tensor : file->tensors()) EXPECT_EQ(tensor.offset % 64, 0u) << tensor.name;
  EXPECT_EQ(file->find("cube.f32")->bytes[7], std::byte{0x3f});  // the second value, 1.0f
}

TEST(File, ReadsAVocabularyThatEndsWithItsLastKey) {
  const auto file = File::open(golden("vocabulary.gguf"));
  ASSERT_TRUE(file.ok()) << file.error().message();
  const auto tokens = file->metadata().get_strings("tokenizer.ggml.tokens");
  ASSERT_TRUE(tokens.ok());
  EXPECT_EQ(**tokens, (std::vector<std::string>{"<unk>", "<s>", "</s>", "<0x0A>", "\u2581a", "\u00e9"}));
  EXPECT_EQ(*file->metadata().get_floats("tokenizer.ggml.scores"),
            (std::vector<float>{0, 0, 0, 0, -1, -2.5}));
  EXPECT_EQ(*file->metadata().get_ints("tokenizer.ggml.token_type"),
            (std::vector<int64_t>{2, 3, 3, 6, 1, 1}));
  EXPECT_TRUE(file->tensors().empty());
}

TEST(File, StaysValidWhenMoved) {
  auto opened = File::open(golden("tensors_big.gguf"));
  ASSERT_TRUE(opened.ok());
  const std::byte* before = opened->find("cube.f32")->bytes.data();
  const File moved = std::move(opened).value();
  EXPECT_EQ(moved.find("cube.f32")->bytes.data(), before);
  EXPECT_EQ(moved.find("cube.f32")->bytes[7], std::byte{0x3f});
}

TEST(File, SaysWhenThereIsNone) {
  const auto file = File::open(golden("absent.gguf"));
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, ErrorCode::not_found);
  EXPECT_EQ(file.error().subject, golden("absent.gguf"));
}

}  // namespace
}  // namespace kilter::gguf
