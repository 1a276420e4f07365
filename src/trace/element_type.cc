#include "trace/element_type.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace kilter {
namespace {

constexpr std::array kTypes = {
    ElementTypeInfo{ElementType::boolean, "BOOL", 1}, ElementTypeInfo{ElementType::u8, "U8", 1},
    ElementTypeInfo{ElementType::i8, "I8", 1},        ElementTypeInfo{ElementType::u16, "U16", 2},
    ElementTypeInfo{ElementType::i16, "I16", 2},      ElementTypeInfo{ElementType::u32, "U32", 4},
    ElementTypeInfo{ElementType::i32, "I32", 4},      ElementTypeInfo{ElementType::u64, "U64", 8},
    ElementTypeInfo{ElementType::i64, "I64", 8},      ElementTypeInfo{ElementType::f16, "F16", 2},
    ElementTypeInfo{ElementType::bf16, "BF16", 2},    ElementTypeInfo{ElementType::f32, "F32", 4},
    ElementTypeInfo{ElementType::f64, "F64", 8},
};

constexpr bool in_enumerator_order() {
  for (size_t i = 0; i < kTypes.size(); ++i) {
    if (static_cast<size_t>(kTypes[i].type) != i) return false;
  }
  return true;
}
static_assert(in_enumerator_order());
static_assert(std::endian::native == std::endian::little, "elements are copied as the file stores them");

// IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits.
float f16_to_f32(uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1f;
  const int fraction = bits & 0x3ff;
  float magnitude = 0;
  if (exponent == 0x1f) {
    magnitude =
        fraction == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    magnitude = std::ldexp(static_cast<float>(0x400 + fraction), exponent - 25);
  }
  return std::copysign(magnitude, (bits & 0x8000) != 0 ? -1.0F : 1.0F);
}

// The upper half of a binary32.
float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

template <typename Stored, typename Convert>
void convert(std::span<const std::byte> bytes, std::span<float> out, Convert to_float) {
  for (size_t i = 0; i < out.size(); ++i) {
    Stored element;
    std::memcpy(&element, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    out[i] = to_float(element);
  }
}

template <typename Stored>
void cast(std::span<const std::byte> bytes, std::span<float> out) {
  convert<Stored>(bytes, out, [](Stored element) { return static_cast<float>(element); });
}

}  // namespace

std::span<const ElementTypeInfo> all_element_types() { return kTypes; }

const ElementTypeInfo& element_type_info(ElementType type) { return kTypes[static_cast<size_t>(type)]; }

std::optional<ElementType> element_type_from_name(std::string_view name) {
  for (const ElementTypeInfo& info : kTypes) {
    if (info.name == name) return info.type;
  }
  return std::nullopt;
}

void to_f32(ElementType type, std::span<const std::byte> bytes, std::span<float> out) {
  using Cast = void (*)(std::span<const std::byte>, std::span<float>);
  // In the order of the enumerators.
  static constexpr std::array<Cast, kTypes.size()> kCasts = {
      [](auto in, auto to) { convert<uint8_t>(in, to, [](uint8_t b) { return b != 0 ? 1.0F : 0.0F; }); },
      cast<uint8_t>,
      cast<int8_t>,
      cast<uint16_t>,
      cast<int16_t>,
      cast<uint32_t>,
      cast<int32_t>,
      cast<uint64_t>,
      cast<int64_t>,
      [](auto in, auto to) { convert<uint16_t>(in, to, f16_to_f32); },
      [](auto in, auto to) { convert<uint16_t>(in, to, bf16_to_f32); },
      cast<float>,
      cast<double>,
  };
  kCasts[static_cast<size_t>(type)](bytes, out);
}

}  // namespace kilter
