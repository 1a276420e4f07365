// The element types of the GGUF format: how many values a block holds, and in how many bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace kilter {

/// Numbered as in a GGUF file, so a tensor's type field is read by range check and cast.
/// Numbers that the format has retired (4, 5: Q4_2, Q4_3; 31-33, 36-38: repacked layouts) have no name here.
/// Source: ggml/docs/gguf.md and gguf-py's GGMLQuantizationType.
enum class DType : uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q8_1 = 9,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  q8_k = 15,
  iq2_xxs = 16,
  iq2_xs = 17,
  iq3_xxs = 18,
  iq1_s = 19,
  iq4_nl = 20,
  iq3_s = 21,
  iq2_s = 22,
  iq4_xs = 23,
  i8 = 24,
  i16 = 25,
  i32 = 26,
  i64 = 27,
  f64 = 28,
  iq1_m = 29,
  bf16 = 30,
  tq1_0 = 34,
  tq2_0 = 35,
  mxfp4 = 39,
  nvfp4 = 40,
  q1_0 = 41,
  q2_0 = 42,
};

/// What a type is called and how it is cut into blocks. A tensor row is a whole number of blocks.
struct DTypeInfo {
  DType type;
  std::string_view name;  ///< as GGUF tools print it: "Q4_K", "F16", "IQ2_XXS"
  uint32_t block_values;  ///< values in a block; 1 for the plain types
  uint32_t block_bytes;   ///< bytes of a block
};

/// Every type that this build knows, ascending by number.
std::span<const DTypeInfo> all_dtypes();

/// The entry of one type. `type` must be one of the enumerators (file input goes through dtype_from_number).
const DTypeInfo& dtype_info(DType type);

/// The type a file means by `number`, or nothing for a retired or unknown one.
std::optional<DType> dtype_from_number(uint32_t number);

}  // namespace kilter
