#include "gguf/metadata.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace kilter::gguf {
namespace {

Metadata one(Value value) { return Metadata{{{"key", std::move(value)}}}; }

template <typename T>
Metadata array_of(std::vector<T> elements) {
  return one(Array{std::move(elements)});
}

TEST(Metadata, TakesIntegersOfAnyWidth) {
  EXPECT_EQ(*one(uint8_t{7}).get_uint("key"), 7u);
  EXPECT_EQ(*one(int32_t{7}).get_uint("key"), 7u);
  EXPECT_EQ(*one(std::numeric_limits<uint64_t>::max()).get_uint("key"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(*array_of<uint16_t>({1, 65535}).get_ints("key"), (std::vector<int64_t>{1, 65535}));
}

TEST(Metadata, RefusesIntegersThatDoNotFit) {
  const auto negative = one(int32_t{-1}).get_uint("key");
  ASSERT_FALSE(negative.ok());
  EXPECT_EQ(negative.error().code, ErrorCode::corrupt);
  EXPECT_EQ(negative.error().subject, "key 'key'");
  EXPECT_EQ(negative.error().sentence, "-1 is not an integer of 0 or more");
  const auto large = array_of<uint64_t>({1, uint64_t{1} << 63}).get_ints("key");
  ASSERT_FALSE(large.ok());
  EXPECT_NE(large.error().sentence.find("element 1: 9223372036854775808"), std::string::npos);
}

TEST(Metadata, RefusesOtherTypes) {
  const auto wrong = one(std::string("8")).get_uint("key");
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().sentence, "expected an integer of 0 or more, the file has string");
  EXPECT_FALSE(one(true).get_uint("key").ok());
  EXPECT_FALSE(one(1.0f).get_uint("key").ok());
  EXPECT_FALSE(one(uint8_t{1}).get_bool("key").ok());
  EXPECT_FALSE(one(uint8_t{1}).get_string("key").ok());
  EXPECT_FALSE(one(uint8_t{1}).get_strings("key").ok());
  EXPECT_FALSE(one(uint8_t{1}).get_ints("key").ok());
  EXPECT_FALSE(array_of<float>({1}).get_ints("key").ok());
  EXPECT_FALSE(array_of<bool>({true}).get_floats("key").ok());
  EXPECT_FALSE(array_of<uint8_t>({1}).get_uint("key").ok());
}

TEST(Metadata, FloatsLoseNoDigit) {
  EXPECT_EQ(*one(0.1f).get_float("key"), double{0.1f});
  EXPECT_EQ(*one(0.1).get_float("key"), 0.1);
  EXPECT_EQ(*one(int64_t{-(int64_t{1} << 53)}).get_float("key"), -0x1p53);
  EXPECT_FALSE(one(int64_t{-(int64_t{1} << 53) - 1}).get_float("key").ok());
  EXPECT_FALSE(one((uint64_t{1} << 53) + 1).get_float("key").ok());
  EXPECT_EQ(*array_of<double>({0.5, -2}).get_floats("key"), (std::vector<float>{0.5f, -2.0f}));
  EXPECT_FALSE(array_of<double>({0.1}).get_floats("key").ok());
  EXPECT_FALSE(array_of<double>({1e39}).get_floats("key").ok());
  EXPECT_TRUE(std::isnan(array_of<double>({std::nan("")}).get_floats("key")->front()));
  EXPECT_TRUE(std::isinf(array_of<double>({INFINITY}).get_floats("key")->front()));
}

TEST(Metadata, RequiredKeysMustBeThere) {
  const auto absent = Metadata().get_uint("llama.block_count");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, ErrorCode::not_found);
  EXPECT_EQ(absent.error().subject, "key 'llama.block_count'");
  EXPECT_FALSE(Metadata().get_strings("key").ok());
  EXPECT_FALSE(Metadata().get_string("key").ok());
}

TEST(Metadata, OptionalKeysFallBackOnlyWhenAbsent) {
  EXPECT_EQ(*Metadata().get_uint_or("key", 5), 5u);
  EXPECT_EQ(*Metadata().get_float_or("key", 0.5), 0.5);
  EXPECT_EQ(*Metadata().get_bool_or("key", true), true);
  EXPECT_EQ(*Metadata().get_string_or("key", "none"), "none");
  EXPECT_EQ(*one(uint8_t{3}).get_uint_or("key", 5), 3u);
  EXPECT_FALSE(one(std::string("x")).get_uint_or("key", 5).ok());
  EXPECT_FALSE(one(std::string("x")).get_bool_or("key", true).ok());
}

TEST(MetadataText, ReadsLikeWhatItIs) {
  EXPECT_EQ(to_string(Value(uint8_t{65})), "65");
  EXPECT_EQ(to_string(Value(int8_t{-1})), "-1");
  EXPECT_EQ(to_string(Value(0.1f)), "0.1");
  EXPECT_EQ(to_string(Value(1e-5f)), "1e-05");
  EXPECT_EQ(to_string(Value(false)), "false");
  EXPECT_EQ(to_string(Value(std::string("a \"b\"\n\x1b[31m"))), R"("a \"b\"\n\x1b[31m")");
  EXPECT_EQ(to_string(Value(Array{std::vector<bool>{true, false}})), "[true, false]");
  EXPECT_EQ(to_string(Value(Array{std::vector<int32_t>(32000, 7)})), "[7, 7, 7, ... 32000 in all]");
  EXPECT_EQ(to_string(Value(Array{std::vector<std::string>{}})), "[]");
}

TEST(MetadataText, NamesTypes) {
  EXPECT_EQ(type_name(Value(uint32_t{1})), "u32");
  EXPECT_EQ(type_name(Value(true)), "bool");
  EXPECT_EQ(type_name(Value(std::string())), "string");
  EXPECT_EQ(type_name(Value(Array{std::vector<float>{}})), "array of f32");
  EXPECT_EQ(type_name(Value(Array{std::vector<Array>{}})), "array of array");
}

}  // namespace
}  // namespace kilter::gguf
