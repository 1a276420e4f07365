// The element types of a safetensors file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace kilter {

/// Source: the `Dtype` table of the safetensors format. Its types of fewer than
/// 16 float bits have no name here.
enum class ElementType { boolean, u8, i8, u16, i16, u32, i32, u64, i64, f16, bf16, f32, f64 };

struct ElementTypeInfo {
  ElementType type;
  std::string_view name;  ///< as the file spells it: "F32"
  uint64_t bytes;         ///< of one element, little-endian
};

std::span<const ElementTypeInfo> all_element_types();
const ElementTypeInfo& element_type_info(ElementType type);
/// The type that a file spells `name` (letter case counts), or nothing.
std::optional<ElementType> element_type_from_name(std::string_view name);

/// Elements as f32. Exact for boolean, f16, bf16, f32 and integers of up to 24 bits; the others are
/// rounded once, to nearest even.
/// Shapes   bytes: out.size() elements of `type`, at any alignment.
void to_f32(ElementType type, std::span<const std::byte> bytes, std::span<float> out);

}  // namespace kilter
