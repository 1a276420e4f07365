// What one type of the format is, as data: where its fields lie, how a block comes apart, how values follow.
// decode(), swap_byte_order(), describe_block() and scan() are all written once, over these tables.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "quant/encoding.h"
#include "tensor/dtype.h"

namespace kilter::quant {

/// One field of a block: `count` elements of `encoding` at `offset`. The fields of a type cover its block.
struct Field {
  std::string_view name;
  size_t offset;
  Encoding encoding;
  size_t count;
  std::string_view meaning;
};

/// A block taken apart. Every block type is the same two steps, the first of integers and scales only:
///   1. unpack:   scale[g], offset[g] of each group g; code[i] of each element i
///   2. combine:  value[i] = scale[g] * (code_unit * code[i]) + offset[g],  g = i / group_values
/// The product is exact in f32 for every type but Q8_K (f32 scale), so a value is rounded at most once.
/// Only as many entries are written as the Format says.
struct Parts {
  std::array<float, 4> block_scale;  ///< the scales that are stored as floats: `d`
  float block_offset;                ///< the stored float that the offsets are made of: `dmin` or `m`
  std::array<int, 16> scale_code;    ///< the small scale integer of group g
  std::array<int, 16> offset_code;   ///< the small minimum integer of group g
  std::array<int, 64> grid_index;    ///< IQ types: which grid point a run of 4 or 8 values is
  std::array<int, 32> sign_bits;     ///< IQ types: for each 8 values, what their signs come from
  std::array<float, 16> scale;       ///< what multiplies the codes of group g
  std::array<float, 16> offset;      ///< what is added to them
  std::array<int8_t, 256> code;  ///< the number of element i before scaling, in units of Format::code_unit
};

/// Small integers of a block that a report lists: how many, and which bits they are.
struct CodeList {
  std::string_view name;
  size_t count;  ///< 0: the type has none
  std::string_view meaning;
};

/// A type's entry in the table. Texts go into reports word by word.
struct Format {
  DType type;
  std::span<const Field> fields;

  std::string_view formula;  ///< the value, from the names of the fields and lists
  std::string_view mapping;  ///< which bits q[i] is

  /// Block types: step 1 of Parts. Null for the plain types.
  void (*unpack)(const std::byte* block, Parts& parts) = nullptr;
  /// Plain types: values[i] from the elements. Null for block types.
  void (*convert)(std::span<const std::byte> bytes, std::span<float> values) = nullptr;

  float code_unit = 1;      ///< what one step of a code is worth: an eighth in IQ1
  size_t groups = 1;        ///< groups that have a scale
  size_t block_scales = 1;  ///< entries of Parts::block_scale
  bool has_offset = false;  ///< whether Parts::offset and block_offset are written
  CodeList scale_codes{};   ///< Parts::scale_code
  CodeList offset_codes{};  ///< Parts::offset_code
  CodeList grid_indices{};  ///< Parts::grid_index
  CodeList sign_bits{};     ///< Parts::sign_bits
};

/// The entry of `type`.
const Format& format_of(DType type);

/// Step 2 of Parts for one block: values.size() is the block's number of values.
void combine(const Format& format, const Parts& parts, std::span<float> values);

/// A code that fits a byte, which all of them do.
constexpr int8_t as_code(int number) { return static_cast<int8_t>(number); }

/// `count` bits of `word` from bit `first` on.
constexpr int bits_at(uint32_t word, size_t first, size_t count) {
  return static_cast<int>((word >> first) & ((1u << count) - 1));
}

// The table in parts: one family a file.
std::span<const Format> plain_formats();
std::span<const Format> legacy_formats();
std::span<const Format> k_quant_formats();
std::span<const Format> iq1_formats();
std::span<const Format> iq2_formats();
std::span<const Format> iq3_formats();
std::span<const Format> iq4_formats();
std::span<const Format> few_bit_formats();
std::span<const Format> fp4_formats();

}  // namespace kilter::quant
