// Reads the files of goldens/ (goldens/README.md says what they are).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace kilter::quant {

inline std::string golden_path(const std::string& name) {
  return std::string(KILTER_TEST_DATA) + "/goldens/" + name;
}

inline std::vector<std::byte> golden_bytes(const std::string& name) {
  std::ifstream file(golden_path(name), std::ios::binary);
  EXPECT_TRUE(file) << name;
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::byte> bytes(text.size());
  std::transform(text.begin(), text.end(), bytes.begin(), [](char c) { return static_cast<std::byte>(c); });
  return bytes;
}

inline std::vector<float> golden_floats(const std::string& name) {
  const auto bytes = golden_bytes(name);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

/// "q4_k", as the golden files of a type begin.
inline std::string file_stem(DType type) {
  std::string name(dtype_info(type).name);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

/// Equal bits (so -0 is not 0), or both NaN.
inline bool same_number(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

/// Every type, as a test parameter.
inline std::vector<DType> every_type() {
  std::vector<DType> types;
  for (const DTypeInfo& info : all_dtypes()) types.push_back(info.type);
  return types;
}

inline std::string parameter_name(const ::testing::TestParamInfo<DType>& parameter) {
  return std::string(dtype_info(parameter.param).name);
}

}  // namespace kilter::quant
