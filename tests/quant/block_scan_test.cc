// scan() on blocks with known faults, and against a count over the golden values.
#include <gtest/gtest.h>

#include "goldens.h"
#include "quant/codec.h"
#include "quant/scan.h"

namespace kilter::quant {
namespace {

/// Q8_0 blocks with the given f16 scales, all codes 1.
std::vector<std::byte> q8_0_blocks(const std::vector<uint16_t>& scales) {
  std::vector<std::byte> bytes;
  for (const uint16_t scale : scales) {
    bytes.push_back(static_cast<std::byte>(scale & 0xff));
    bytes.push_back(static_cast<std::byte>(scale >> 8));
    bytes.insert(bytes.end(), 32, std::byte{1});
  }
  return bytes;
}

void expect_sighting(const Sighting& sighting, uint64_t count, std::optional<uint64_t> first_block) {
  EXPECT_EQ(sighting.count, count);
  EXPECT_EQ(sighting.first_block, first_block);
}

TEST(Scan, FindsNothingInHealthyBlocks) {
  const auto result = scan(DType::q8_0, q8_0_blocks({0x3c00, 0x0400, 0x5400}));  // 1, 2^-14, 64
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->blocks, 3u);
  EXPECT_EQ(result->values, 96u);
  for (const Sighting& s : {result->nan_values, result->infinite_values, result->zero_scales,
                            result->subnormal_scales, result->negative_scales, result->large_steps}) {
    expect_sighting(s, 0, std::nullopt);
  }
}

TEST(Scan, FindsEachFaultWithItsFirstBlock) {
  // 1, NaN, infinity, 0, -0, a subnormal, -1, 64.06, NaN, -65504
  const auto bytes =
      q8_0_blocks({0x3c00, 0x7e00, 0x7c00, 0x0000, 0x8000, 0x03ff, 0xbc00, 0x5401, 0x7d00, 0xfbff});
  const auto result = scan(DType::q8_0, bytes);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->blocks, 10u);
  expect_sighting(result->nan_values, 64, 1);
  expect_sighting(result->infinite_values, 32, 2);
  expect_sighting(result->zero_scales, 2, 3);
  expect_sighting(result->subnormal_scales, 1, 5);
  expect_sighting(result->negative_scales, 2, 6);
  expect_sighting(result->large_steps, 2, 7);
}

TEST(Scan, CountsLargeStepsByGroup) {
  // Q6_K: codes, then 16 scales of 1, but three of 127, 100 and -128; d = 0.5: steps 63.5, 50 and 64.
  std::vector<std::byte> block(210);
  std::fill_n(&block[192], 16, std::byte{1});
  block[193] = std::byte{127};
  block[200] = std::byte{100};
  block[205] = std::byte{0x80};
  block[209] = std::byte{0x38};
  expect_sighting(scan(DType::q6_k, block).value().large_steps, 0, std::nullopt);
  block[209] = std::byte{0x3a};  // 0.75: 95.25, 75, 96
  expect_sighting(scan(DType::q6_k, block).value().large_steps, 3, 0);
}

TEST(Scan, KnowsWhatIsSubnormalInEachEncoding) {
  const auto subnormals = [](DType type, std::vector<uint8_t> start) {
    std::vector<std::byte> block(dtype_info(type).block_bytes);
    std::transform(start.begin(), start.end(), block.begin(), [](uint8_t b) { return std::byte{b}; });
    return scan(type, block).value().subnormal_scales.count;
  };
  EXPECT_EQ(subnormals(DType::q8_k, {0, 0, 0x80, 0}), 0u) << "the smallest normal f32";
  EXPECT_EQ(subnormals(DType::q8_k, {0, 0, 0x40, 0}), 1u);
  EXPECT_EQ(subnormals(DType::nvfp4, {8, 7, 1, 0}), 2u) << "UE4M3: from 8 on normal";
  EXPECT_EQ(subnormals(DType::mxfp4, {0}), 0u) << "E8M0 has none";
  EXPECT_EQ(subnormals(DType::q4_0, {0, 4}), 0u) << "the smallest normal f16";
  EXPECT_EQ(subnormals(DType::q4_0, {0xff, 3}), 1u);
}

TEST(Scan, TakesAPlainValueForABlock) {
  std::vector<float> values(10000, 1.0f);
  values[5000] = NAN;
  values[9999] = -INFINITY;
  const auto result = scan(DType::f32, std::as_bytes(std::span(values)));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->blocks, 10000u);
  EXPECT_EQ(result->values, 10000u);
  expect_sighting(result->nan_values, 1, 5000);
  expect_sighting(result->infinite_values, 1, 9999);
  expect_sighting(result->zero_scales, 0, std::nullopt);
}

class EveryType : public ::testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Scan, EveryType, ::testing::ValuesIn(every_type()), parameter_name);

TEST_P(EveryType, CountsNanAndInfinityOfTheGoldenValues) {
  const auto values = golden_floats(file_stem(GetParam()) + ".values");
  const auto result = scan(GetParam(), golden_bytes(file_stem(GetParam()) + ".blocks"));
  ASSERT_TRUE(result.ok());
  const auto count = [&](auto predicate) {
    return static_cast<uint64_t>(std::count_if(values.begin(), values.end(), predicate));
  };
  EXPECT_EQ(result->values, values.size());
  EXPECT_EQ(result->nan_values.count, count([](float x) { return std::isnan(x); }));
  EXPECT_EQ(result->infinite_values.count, count([](float x) { return std::isinf(x); }));
}

TEST_P(EveryType, RefusesAPartOfABlock) {
  const std::vector<std::byte> bytes(dtype_info(GetParam()).block_bytes - 1);
  EXPECT_EQ(scan(GetParam(), bytes).ok(), bytes.empty());
}

}  // namespace
}  // namespace kilter::quant
