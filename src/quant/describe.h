// One block explained step by step, as data for a report that can be laid beside another decoder's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kilter/result.h"
#include "tensor/dtype.h"

namespace kilter::quant {

/// One field of the block, as it is stored.
struct FieldDescription {
  std::string_view name;        ///< in ggml's words: "d", "scales", "qs"
  std::string_view encoding;    ///< of one element: "f16", "u8"
  std::string_view meaning;     ///< in a few words
  size_t offset;                ///< bytes from the start of the block
  size_t size;                  ///< bytes of the whole field
  std::string hex;              ///< the bytes in file order, two digits each
  std::vector<uint64_t> bits;   ///< the elements as unsigned integers: 0x3c00 for an f16 of 1
  std::vector<double> numbers;  ///< the elements as numbers; exact but for I64 beyond 2^53
};

/// Small integers unpacked from the fields: 6-bit scales and minimums, grid indices, signs.
struct CodeListDescription {
  std::string_view name;     ///< as the formula calls it: "sc", "m", "grid", "signs"
  std::string_view meaning;  ///< which bits of which field entry g is
  std::vector<int> codes;
};

/// What multiplies, and what is added to, the codes of one group of values.
struct GroupDescription {
  size_t first_value;  ///< the group is the values from here to the next group
  float scale;
  float offset;  ///< 0 where the type has none
};

/// A block, from its bytes to its values. The views point to tables of the program, they do not end.
struct BlockDescription {
  DType type;
  std::vector<std::byte> bytes;
  std::vector<FieldDescription> fields;  ///< in file order; together they are all bytes
  std::vector<float> block_scales;  ///< the scale(s) stored as floats, after decoding; none for plain types
  std::vector<CodeListDescription> code_lists;
  std::vector<GroupDescription> groups;  ///< none for plain types
  std::string_view formula;              ///< "y[i] = d * sc[g] * q[i] - dmin * m[g], g = i/32"
  std::string_view mapping;              ///< which bits q[i] is
  std::vector<float> codes;              ///< q[i] of the formula; none for plain types
  std::vector<float> values;             ///< y[i], the numbers that decode() gives
};

/// Explains one block.
/// Errors   usage, when `block` is not exactly one block of `type`.
Result<BlockDescription> describe_block(DType type, std::span<const std::byte> block);

}  // namespace kilter::quant
