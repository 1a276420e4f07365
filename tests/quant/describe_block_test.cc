#include <gtest/gtest.h>

#include <cstdio>
#include <sstream>
#include <stdexcept>

#include "goldens.h"
#include "quant/codec.h"
#include "quant/describe.h"

namespace kilter::quant {
namespace {

/// Every golden block of a type, explained.
std::vector<BlockDescription> describe_all(DType type) {
  const auto bytes = golden_bytes(file_stem(type) + ".blocks");
  const size_t block_bytes = dtype_info(type).block_bytes;
  std::vector<BlockDescription> all;
  for (size_t at = 0; at < bytes.size(); at += block_bytes) {
    auto description = describe_block(type, std::span(bytes).subspan(at, block_bytes));
    EXPECT_TRUE(description.ok());
    all.push_back(std::move(description).value());
  }
  return all;
}

class EveryType : public ::testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(DescribeBlock, EveryType, ::testing::ValuesIn(every_type()), parameter_name);

TEST_P(EveryType, GivesTheValuesOfDecode) {
  const auto expected = golden_floats(file_stem(GetParam()) + ".values");
  std::vector<float> values;
  for (const auto& block : describe_all(GetParam())) {
    values.insert(values.end(), block.values.begin(), block.values.end());
  }
  ASSERT_EQ(values.size(), expected.size());
  EXPECT_TRUE(std::equal(values.begin(), values.end(), expected.begin(), same_number));
}

TEST_P(EveryType, ExplainsEachValueByItsGroupAndCode) {
  for (const auto& block : describe_all(GetParam())) {
    if (block.groups.empty()) {
      EXPECT_EQ(block.values.size(), 1u) << "only plain types have no groups";
      continue;
    }
    ASSERT_EQ(block.codes.size(), block.values.size());
    size_t g = 0;
    for (size_t i = 0; i < block.values.size(); ++i) {
      if (g + 1 < block.groups.size() && i == block.groups[g + 1].first_value) ++g;
      const auto& group = block.groups[g];
      const float product = group.scale * block.codes[i];
      const float value = group.offset == 0.0f ? product : product + group.offset;
      ASSERT_TRUE(block.values[i] == value || (std::isnan(block.values[i]) && std::isnan(value))) << i;
    }
  }
}

std::string two_digits(uint64_t byte) {
  char digits[3];
  std::snprintf(digits, sizeof(digits), "%02x", static_cast<unsigned>(byte & 0xff));
  return digits;
}

/// The bytes of a field in file order, out of its elements.
std::string hex_of_bits(const FieldDescription& field) {
  std::string hex;
  for (const uint64_t element : field.bits) {
    for (size_t k = 0; k < field.size / field.bits.size(); ++k) hex += two_digits(element >> (8 * k));
  }
  return hex;
}

TEST_P(EveryType, ShowsEveryByteOnce) {
  const auto block = describe_all(GetParam()).front();
  std::string hex;
  for (const auto& field : block.fields) {
    EXPECT_EQ(field.offset * 2, hex.size());
    EXPECT_EQ(field.hex.size(), field.size * 2);
    EXPECT_EQ(field.hex, hex_of_bits(field));
    EXPECT_EQ(field.bits.size(), field.numbers.size());
    EXPECT_FALSE(field.meaning.empty());
    hex += field.hex;
  }
  std::string expected;
  for (const std::byte b : block.bytes) expected += two_digits(std::to_integer<uint64_t>(b));
  EXPECT_EQ(hex, expected);
  EXPECT_FALSE(block.formula.empty());
  EXPECT_FALSE(block.mapping.empty());
}

TEST_P(EveryType, RefusesAnythingButOneBlock) {
  const std::vector<std::byte> two_blocks(2 * dtype_info(GetParam()).block_bytes);
  EXPECT_FALSE(describe_block(GetParam(), two_blocks).ok());
  EXPECT_FALSE(describe_block(GetParam(), {}).ok());
}

/// Looks up by name, so that a test line says what is missing.
template <typename Named>
const Named& named(const std::vector<Named>& items, const std::string& name) {
  const auto found = std::find_if(items.begin(), items.end(), [&](const Named& n) { return n.name == name; });
  if (found == items.end()) throw std::runtime_error("no " + name);
  return *found;
}

template <typename T>
std::vector<T> rest_of(std::istream& line) {
  return {std::istream_iterator<T>(line), {}};
}

/// Compares one line of a .reading file, which plain Python wrote, with the description.
void check_line(const std::string& text, const BlockDescription& block) {
  SCOPED_TRACE(text.substr(0, 60));
  std::istringstream line(text);
  std::string kind, name;
  line >> kind >> name;
  if (kind == "field") {
    size_t offset = 0;
    std::string hex;
    line >> offset >> hex;
    EXPECT_EQ(named(block.fields, name).offset, offset);
    EXPECT_EQ(named(block.fields, name).hex, hex);
  } else if (kind == "number") {
    EXPECT_EQ(named(block.fields, name).numbers, rest_of<double>(line));
  } else if (kind == "list") {
    EXPECT_EQ(named(block.code_lists, name).codes, rest_of<int>(line));
  } else {
    ASSERT_EQ(kind, "codes");
    EXPECT_EQ(block.codes, rest_of<float>(line));
  }
}

class ReadInPython : public ::testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(DescribeBlock, ReadInPython,
                         ::testing::Values(DType::q4_k, DType::q6_k, DType::iq2_xs), parameter_name);

TEST_P(ReadInPython, HasTheSameFieldsScalesAndCodes) {
  const auto block = describe_all(GetParam()).at(1);
  std::ifstream reading(golden_path(file_stem(GetParam()) + ".reading"));
  size_t lines = 0;
  for (std::string text; std::getline(reading, text); ++lines) check_line(text, block);
  EXPECT_GE(lines, 8u);
}

TEST(DescribeBlock, ReadsAsAReport) {
  std::vector<std::byte> bytes(18);
  bytes[1] = std::byte{0x38};  // d = 0.5
  bytes[2] = std::byte{0xf0};  // codes 0 and 15 of elements 0 and 16
  const auto block = describe_block(DType::q4_0, bytes);
  ASSERT_TRUE(block.ok());
  EXPECT_EQ(block->formula, "y[i] = d * q[i]");
  EXPECT_EQ(block->fields[0].name, "d");
  EXPECT_EQ(block->fields[0].encoding, "f16");
  EXPECT_EQ(block->fields[0].hex, "0038");
  EXPECT_EQ(block->fields[0].bits, std::vector<uint64_t>{0x3800});
  EXPECT_EQ(block->fields[0].numbers, std::vector<double>{0.5});
  EXPECT_EQ(block->block_scales, std::vector<float>{0.5f});
  EXPECT_EQ(block->codes[0], -8.0f);
  EXPECT_EQ(block->codes[16], 7.0f);
  EXPECT_EQ(block->values[16], 3.5f);
}

}  // namespace
}  // namespace kilter::quant
