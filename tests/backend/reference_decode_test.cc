// The reference decoders against golden blocks (decode/README.md), and against the other,
// independent decoder of this project.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cctype>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "backend/reference/decode_block.h"
#include "quant/codec.h"

namespace kilter {
namespace {

std::vector<std::byte> read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

std::string lower(std::string_view name) {
  std::string text(name);
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// All values of `bytes`, as one row.
std::vector<double> decoded(DType type, std::span<const std::byte> bytes) {
  const DTypeInfo& info = dtype_info(type);
  const auto cols = static_cast<int64_t>(bytes.size() / info.block_bytes * info.block_values);
  const Weight weight{.name = "w", .type = type, .rows = 1, .cols = cols, .bytes = bytes};
  std::vector<double> values(static_cast<size_t>(cols));
  reference::decode_row(weight, 0, values);
  return values;
}

bool same_bits(float a, float b) {
  return (std::isnan(a) && std::isnan(b)) || std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

void expect_same(const DTypeInfo& info, std::span<const float> expected, std::span<const double> values) {
  ASSERT_EQ(expected.size(), values.size()) << info.name;
  for (size_t i = 0; i < values.size(); ++i) {
    ASSERT_TRUE(same_bits(expected[i], static_cast<float>(values[i])))
        << info.name << " block " << i / info.block_values << " value " << i % info.block_values
        << ": expected " << expected[i] << ", got " << values[i];
  }
}

TEST(ReferenceDecode, AgreesWithTheGoldenBlocksOfEveryType) {
  for (const DTypeInfo& info : all_dtypes()) {
    const std::string stem = std::string(KILTER_TEST_DATA "/decode/") + lower(info.name);
    const std::vector<std::byte> blocks = read_bytes(stem + ".blocks");
    const std::vector<std::byte> raw = read_bytes(stem + ".values");
    ASSERT_FALSE(blocks.empty()) << info.name;
    std::vector<float> expected(raw.size() / sizeof(float));
    std::memcpy(expected.data(), raw.data(), raw.size());
    expect_same(info, expected, decoded(info.type, blocks));
  }
}

TEST(ReferenceDecode, AgreesWithTheOtherDecoderOnRandomBlocks) {
  constexpr size_t kBlocks = 1000;
  std::mt19937_64 random(7);
  for (const DTypeInfo& info : all_dtypes()) {
    std::vector<std::byte> blocks(kBlocks * info.block_bytes);
    for (std::byte& b : blocks) b = static_cast<std::byte>(random());
    std::vector<float> expected(kBlocks * info.block_values);
    ASSERT_TRUE(quant::decode(info.type, blocks, expected).ok()) << info.name;
    expect_same(info, expected, decoded(info.type, blocks));
  }
}

// Numbers that f32 cannot hold stay whole in f64.
TEST(ReferenceDecode, IsExactInDoublePrecision) {
  const std::array<int64_t, 2> integers = {(int64_t{1} << 53) - 1, -123456789012345};
  EXPECT_EQ(decoded(DType::i64, std::as_bytes(std::span(integers))),
            (std::vector<double>{9007199254740991.0, -123456789012345.0}));
  const std::array<double, 1> third = {1.0 / 3.0};
  EXPECT_EQ(decoded(DType::f64, std::as_bytes(std::span(third))), std::vector<double>{1.0 / 3.0});
  // Q4_1 with d = 1 and m = 2^-24: 15 + 2^-24 needs 28 bits.
  std::array<std::byte, 20> block{};
  block.fill(std::byte{0xff});
  block[0] = std::byte{0x00}, block[1] = std::byte{0x3c};
  block[2] = std::byte{0x01}, block[3] = std::byte{0x00};
  EXPECT_EQ(decoded(DType::q4_1, block), std::vector<double>(32, 15 + 0x1p-24));
}

// A row is found by its number, behind the bytes of the rows before it.
TEST(ReferenceDecode, FindsEachRow) {
  const std::array<float, 6> numbers = {1, 2, 3, 4, 5, 6};
  const Weight weight{
      .name = "w", .type = DType::f32, .rows = 3, .cols = 2, .bytes = std::as_bytes(std::span(numbers))};
  std::vector<double> row(2);
  reference::decode_row(weight, 2, row);
  EXPECT_EQ(row, (std::vector<double>{5, 6}));
}

}  // namespace
}  // namespace kilter
