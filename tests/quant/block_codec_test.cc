// decode(), encode() and swap_byte_order() against ggml, gguf-py and numpy.
#include <gtest/gtest.h>

#include "goldens.h"
#include "quant/codec.h"
#include "quant/format.h"

namespace kilter::quant {
namespace {

class EveryType : public ::testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(BlockCodec, EveryType, ::testing::ValuesIn(every_type()), parameter_name);

TEST_P(EveryType, DecodesToTheGoldenValues) {
  const auto blocks = golden_bytes(file_stem(GetParam()) + ".blocks");
  const auto expected = golden_floats(file_stem(GetParam()) + ".values");
  std::vector<float> values(expected.size());
  const Status status = decode(GetParam(), blocks, values);
  ASSERT_TRUE(status.ok()) << status.error().message();
  for (size_t i = 0; i < values.size(); ++i) {
    ASSERT_TRUE(same_number(values[i], expected[i])) << i << ": " << values[i] << ", not " << expected[i];
  }
}

TEST_P(EveryType, DecodesBlocksOfAnyAlignment) {
  auto blocks = golden_bytes(file_stem(GetParam()) + ".blocks");
  const size_t size = blocks.size();
  blocks.insert(blocks.begin(), std::byte{0});
  const auto expected = golden_floats(file_stem(GetParam()) + ".values");
  std::vector<float> values(expected.size());
  ASSERT_TRUE(decode(GetParam(), std::span(blocks).subspan(1, size), values).ok());
  EXPECT_TRUE(std::equal(values.begin(), values.end(), expected.begin(), same_number));
}

TEST_P(EveryType, RefusesSizesThatDoNotBelongTogether) {
  const DTypeInfo& info = dtype_info(GetParam());
  std::vector<std::byte> bytes(2 * info.block_bytes + 1);
  std::vector<float> values(2 * info.block_values);
  const auto two_blocks = std::span(bytes).first(2 * info.block_bytes);
  EXPECT_TRUE(decode(GetParam(), two_blocks, values).ok());
  EXPECT_TRUE(decode(GetParam(), {}, {}).ok());

  const Status one_value_less = decode(GetParam(), two_blocks, std::span(values).first(values.size() - 1));
  ASSERT_FALSE(one_value_less.ok());
  EXPECT_EQ(one_value_less.error().code, ErrorCode::usage);
  EXPECT_EQ(one_value_less.error().subject, info.name);
  if (info.block_bytes > 1) {
    EXPECT_FALSE(decode(GetParam(), bytes, values).ok());
    EXPECT_FALSE(swap_byte_order(GetParam(), bytes).ok());
  }
}

TEST_P(EveryType, SwapsToTheGoldenBytesAndBack) {
  const auto expected = golden_bytes(file_stem(GetParam()) + ".swapped");
  auto blocks = golden_bytes(file_stem(GetParam()) + ".blocks");
  blocks.resize(expected.size());
  const auto original = blocks;
  ASSERT_TRUE(swap_byte_order(GetParam(), blocks).ok());
  EXPECT_EQ(blocks, expected);
  ASSERT_TRUE(swap_byte_order(GetParam(), blocks).ok());
  EXPECT_EQ(blocks, original);
}

TEST_P(EveryType, HasFieldsThatCoverItsBlock) {
  const Format& format = format_of(GetParam());
  ASSERT_EQ(format.type, GetParam());
  size_t end = 0;
  for (const Field& field : format.fields) {
    EXPECT_EQ(field.offset, end) << field.name;
    end = field.offset + field.count * encoding_bytes(field.encoding);
  }
  EXPECT_EQ(end, dtype_info(GetParam()).block_bytes);
}

TEST_P(EveryType, EncodesToTheGoldenBytesOrSaysThatItCannot) {
  const auto numbers = golden_floats("encode.values");
  const DTypeInfo& info = dtype_info(GetParam());
  std::vector<std::byte> blocks(numbers.size() / info.block_values * info.block_bytes);
  const Status status = encode(GetParam(), numbers, blocks);
  ASSERT_EQ(status.ok(), can_encode(GetParam()));
  if (!status.ok()) {
    EXPECT_EQ(status.error().code, ErrorCode::unsupported);
    return;
  }
  const auto expected = golden_bytes("encode." + file_stem(GetParam()) + ".blocks");
  ASSERT_EQ(blocks.size(), expected.size());
  for (size_t i = 0; i < blocks.size(); ++i) {
    ASSERT_EQ(blocks[i], expected[i])
        << "block " << i / info.block_bytes << ", byte " << i % info.block_bytes;
  }
}

TEST(Encode, KnowsExactlyTheTypesThatItPromises) {
  std::string known;
  for (const DType type : every_type()) {
    if (can_encode(type)) known += std::string(dtype_info(type).name) + " ";
  }
  EXPECT_EQ(known, "F32 F16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 BF16 ");
}

TEST(Encode, RefusesAPartOfABlock) {
  const std::vector<float> values(33);
  std::vector<std::byte> bytes(34);
  const Status status = encode(DType::q8_0, values, bytes);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message(), "Q8_0: 34 bytes hold 32 values, but 33 were given");
}

}  // namespace
}  // namespace kilter::quant
