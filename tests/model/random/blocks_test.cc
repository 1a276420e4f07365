#include "model/random/blocks.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <set>
#include <vector>

#include "quant/codec.h"
#include "quant/half.h"

namespace kilter {
namespace {

RandomBlocks make(DType type, Spread spread = {0, 1.0 / 16}, uint64_t seed = 5,
                  const char* name = "blk.0.x") {
  auto blocks = RandomBlocks::make(seed, name, type, spread);
  EXPECT_TRUE(blocks.ok());
  return *blocks;
}

std::vector<std::byte> fill(const RandomBlocks& blocks, DType type, size_t n_blocks) {
  std::vector<std::byte> bytes(n_blocks * dtype_info(type).block_bytes);
  blocks.fill(0, bytes);
  return bytes;
}

std::vector<float> decode(DType type, const std::vector<std::byte>& bytes) {
  std::vector<float> values(bytes.size() / dtype_info(type).block_bytes * dtype_info(type).block_values);
  EXPECT_TRUE(quant::decode(type, bytes, values).ok());
  return values;
}

std::vector<DType> weight_types() {
  std::vector<DType> types;
  for (const DTypeInfo& info : all_dtypes()) {
    if (holds_weights(info.type)) types.push_back(info.type);
  }
  return types;
}

// The stream as blocks.h defines it. Q1_0 keeps all of it but the scale in the first two bytes of its 18. The
// hash of "blk.0.x" is from a separate FNV-1a, in Python.
TEST(RandomBlocks, CodesAreThePhiloxStream) {
  constexpr uint64_t kHash = 0x481b622381f47488;
  constexpr uint64_t kSeed = 0x1234567890abcdef;
  const std::vector<std::byte> bytes = fill(make(DType::q1_0, {0, 1}, kSeed), DType::q1_0, 100);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i % 18 < 2) continue;
    const auto [h0, h1] = philox_words(kHash);
    const PhiloxCounter words = philox4x32({static_cast<uint32_t>(i / 16), 0, h0, h1}, philox_words(kSeed));
    const uint32_t expected = words[i % 16 / 4] >> (8 * (i % 4)) & 0xff;
    ASSERT_EQ(std::to_integer<uint32_t>(bytes[i]), expected) << "byte " << i;
  }
}

// Group 2^32 counts on in the second word of the counter.
TEST(RandomBlocks, TheStreamIsLongerThanFourBillionGroups) {
  const RandomBlocks blocks = make(DType::f32);
  std::array<std::byte, 64> low, high;
  blocks.fill(0, low);
  blocks.fill(uint64_t{4} << 32, high);
  EXPECT_NE(low, high);
}

TEST(RandomBlocks, AnyPartCanBeMadeAtAnyTime) {
  for (const DType type : weight_types()) {
    const RandomBlocks blocks = make(type);
    const size_t size = dtype_info(type).block_bytes;
    const std::vector<std::byte> whole = fill(blocks, type, 5000);
    std::vector<std::byte> parts(whole.size());
    for (const auto& [first, n] : {std::pair<size_t, size_t>{4800, 200}, {16, 4784}, {0, 16}}) {
      blocks.fill(first, std::span(parts).subspan(first * size, n * size));
    }
    EXPECT_TRUE(whole == parts) << dtype_info(type).name;
  }
}

TEST(RandomBlocks, SeedAndNameDecide) {
  const auto reference = fill(make(DType::q4_k), DType::q4_k, 4);
  EXPECT_EQ(fill(make(DType::q4_k), DType::q4_k, 4), reference);
  EXPECT_NE(fill(make(DType::q4_k, {0, 1.0 / 16}, 6), DType::q4_k, 4), reference);
  EXPECT_NE(fill(make(DType::q4_k, {0, 1.0 / 16}, 5, "blk.1.x"), DType::q4_k, 4), reference);
}

struct Moments {
  double mean = 0, standard_error = 0;
};

// Mean of f over all values, and its standard error from the spread of the blocks'
// means: blocks are independent.
template <typename F>
Moments moments(const std::vector<float>& values, size_t per_block, F f) {
  const size_t n = values.size() / per_block;
  double sum = 0, sum_of_squares = 0;
  for (size_t b = 0; b < n; ++b) {
    double block = 0;
    for (size_t i = 0; i < per_block; ++i) block += f(values[b * per_block + i]);
    block /= static_cast<double>(per_block);
    sum += block;
    sum_of_squares += block * block;
  }
  const double mean = sum / static_cast<double>(n);
  const double variance = std::max(0.0, sum_of_squares / static_cast<double>(n) - mean * mean);
  return {mean, std::sqrt(variance / static_cast<double>(n))};
}

// Five standard errors: a false alarm in two million. Beyond them
//  - the f16 scale is rounded, by half a unit: 2^-11 of it, or 2^-25 where it is subnormal; the square moves
//  twice that;
//  - the shares of one-byte scales are counted in 256ths, which moves the mean square by at most 3/256;
//  - the mean of the code books of TQ1_0 and IQ1 is 0.004 scales and less from 0, of Q6_K's codes 1/4 of
//  1366.
void expect_deviation(DType type, double deviation) {
  const auto& info = dtype_info(type);
  const std::vector<float> values =
      decode(type, fill(make(type, {0, deviation}), type, (1 << 21) / info.block_values));
  const size_t per_block = std::max(info.block_values, 64u);
  const Moments square = moments(values, per_block, [](double v) { return v * v; });
  const Moments mean = moments(values, per_block, [](double v) { return v; });
  const double wanted = deviation * deviation;
  const Recipe* recipe = find_recipe(type);
  const double scale = recipe == nullptr ? 1 : deviation / std::sqrt(recipe->mean_square);
  const double rounding = std::max(std::ldexp(1, -10), std::ldexp(1, -24) / scale);
  const bool one_byte = type == DType::mxfp4 || type == DType::nvfp4;
  EXPECT_NEAR(square.mean, wanted, 5 * square.standard_error + wanted * (one_byte ? 3.0 / 256 : rounding))
      << info.name << " deviation " << deviation;
  EXPECT_NEAR(mean.mean, 0, 5 * mean.standard_error + deviation * 0.005 + deviation * rounding)
      << info.name << " deviation " << deviation;
  EXPECT_LT(5 * square.standard_error, 0.05 * wanted) << info.name << ": too few blocks to see anything";
}

TEST(RandomBlocks, DecodedNumbersHaveTheWantedDeviation) {
  for (const DType type : weight_types()) {
    expect_deviation(type, 1);
    expect_deviation(type, 1 / std::sqrt(288.0));
    expect_deviation(type, 1 / std::sqrt(14336.0));  // the f16 scale of Q6_K is subnormal
  }
}

// A mean of its own in each sub-block makes products of two such rows grow: 1 + n * rho^2 with rho the share
// of the mean in the mean square. Three free bits of six, or two of four, leave less than 0.06.
TEST(RandomBlocks, SubBlocksHaveNoMeanOfTheirOwn) {
  for (const auto& [type, n] :
       {std::pair{DType::q2_k, size_t{16}}, {DType::q4_k, size_t{32}}, {DType::q5_k, size_t{32}}}) {
    const std::vector<float> values = decode(type, fill(make(type, {0, 1}), type, 4096));
    double squares = 0;
    for (size_t at = 0; at < values.size(); at += n) {
      double sum = 0;
      for (size_t i = 0; i < n; ++i) sum += values[at + i];
      squares += sum * sum;
    }
    // Independent values of deviation 1 give n * n_sub_blocks = values.size().
    const double excess = squares / static_cast<double>(values.size()) - 1;
    EXPECT_LT(excess / static_cast<double>(n - 1), 0.07) << dtype_info(type).name;
  }
}

TEST(RandomBlocks, CodesThatNoEncoderWritesAreLeftOut) {
  const std::vector<std::byte> q8 = fill(make(DType::q8_0), DType::q8_0, 1000);
  for (size_t i = 0; i < q8.size(); ++i) {
    const bool is_code = i % 34 >= 2;
    ASSERT_FALSE(is_code && q8[i] == std::byte{0x80}) << i;
  }
  for (const DType type : {DType::tq2_0, DType::q2_0}) {
    const std::vector<float> values = decode(type, fill(make(type), type, 256));
    const size_t n = dtype_info(type).block_values;
    for (size_t at = 0; at < values.size(); at += n) {
      std::set<float> different(values.begin() + static_cast<long>(at),
                                values.begin() + static_cast<long>(at + n));
      ASSERT_EQ(different.size(), 3u) << dtype_info(type).name;
      ASSERT_EQ(*different.begin(), -*different.rbegin());
    }
  }
}

TEST(RandomBlocks, NeighbouringBlocksHaveOtherScales) {
  const std::vector<std::byte> bytes = fill(make(DType::q4_0), DType::q4_0, 1000);
  std::set<uint16_t> scales;
  for (size_t at = 0; at < bytes.size(); at += 18) {
    uint16_t bits = 0;
    std::memcpy(&bits, &bytes[at], 2);
    scales.insert(bits);
  }
  EXPECT_EQ(scales.size(), 32u);  // sixteen of either sign
}

TEST(RandomBlocks, PlainTypesAreOneModelAtThreePrecisions) {
  const Spread spread{1, 0.15};
  const auto f32 = decode(DType::f32, fill(make(DType::f32, spread), DType::f32, 3000));
  const auto f16 = decode(DType::f16, fill(make(DType::f16, spread), DType::f16, 3000));
  const auto bf16 = decode(DType::bf16, fill(make(DType::bf16, spread), DType::bf16, 3000));
  for (size_t i = 0; i < f32.size(); ++i) {
    ASSERT_NEAR(f32[i], 1, 0.15 * std::sqrt(3.0) + 1e-6);
    ASSERT_EQ(f16[i], quant::f16_to_f32(quant::f32_to_f16(f32[i])));
    ASSERT_EQ(bf16[i], quant::bf16_to_f32(quant::f32_to_bf16(f32[i])));
  }
}

TEST(RandomBlocks, OtherTypesHoldNoWeights) {
  for (const DType type : {DType::q8_1, DType::q8_k, DType::i8, DType::i64, DType::f64}) {
    const auto refused = RandomBlocks::make(0, "x", type, {});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  }
}

}  // namespace
}  // namespace kilter
