// Types of one value a block: floats and integers.
#include <cstring>

#include "quant/format.h"
#include "quant/half.h"

namespace kilter::quant {
namespace {

/// Rounds once, to nearest even, where f32 cannot hold the number (F64, I32, I64).
template <typename T>
float rounded(T x) {
  return static_cast<float>(x);
}

template <typename Stored, float (*to_f32)(Stored)>
void convert(std::span<const std::byte> bytes, std::span<float> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    Stored element;
    std::memcpy(&element, &bytes[i * sizeof(Stored)], sizeof(Stored));
    values[i] = to_f32(element);
  }
}

void copy_f32(std::span<const std::byte> bytes, std::span<float> values) {
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
}

template <Encoding encoding>
constexpr Field kElement[] = {{"x", 0, encoding, 1, "the value"}};

constexpr Format plain(DType type, std::span<const Field> fields,
                       void (*convert_all)(std::span<const std::byte>, std::span<float>)) {
  return {.type = type,
          .fields = fields,
          .formula = "y = x, rounded to f32",
          .mapping = "one element a block",
          .convert = convert_all,
          .groups = 0,
          .block_scales = 0};
}

constexpr Format kFormats[] = {
    plain(DType::f32, kElement<Encoding::f32>, copy_f32),
    plain(DType::f16, kElement<Encoding::f16>, convert<uint16_t, f16_to_f32>),
    plain(DType::bf16, kElement<Encoding::bf16>, convert<uint16_t, bf16_to_f32>),
    plain(DType::f64, kElement<Encoding::f64>, convert<double, rounded>),
    plain(DType::i8, kElement<Encoding::i8>, convert<int8_t, rounded>),
    plain(DType::i16, kElement<Encoding::i16>, convert<int16_t, rounded>),
    plain(DType::i32, kElement<Encoding::i32>, convert<int32_t, rounded>),
    plain(DType::i64, kElement<Encoding::i64>, convert<int64_t, rounded>),
};

}  // namespace

std::span<const Format> plain_formats() { return kFormats; }

}  // namespace kilter::quant
