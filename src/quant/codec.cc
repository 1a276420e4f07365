#include "quant/codec.h"

#include <algorithm>

#include "quant/blocks.h"
#include "quant/format.h"

namespace kilter::quant {

Status decode(DType type, std::span<const std::byte> bytes, std::span<float> values) {
  KILTER_ASSIGN(const size_t blocks, count_blocks(type, bytes.size(), values.size()));
  const Format& format = format_of(type);
  if (format.convert != nullptr) {
    format.convert(bytes, values);
    return {};
  }
  const DTypeInfo& info = dtype_info(type);
  Parts parts;
  for (size_t block = 0; block < blocks; ++block) {
    format.unpack(&bytes[block * info.block_bytes], parts);
    combine(format, parts, values.subspan(block * info.block_values, info.block_values));
  }
  return {};
}

Status swap_byte_order(DType type, std::span<std::byte> bytes) {
  KILTER_ASSIGN(const size_t blocks, count_blocks(type, bytes.size()));
  const size_t block_bytes = dtype_info(type).block_bytes;
  for (const Field& field : format_of(type).fields) {
    const size_t width = encoding_bytes(field.encoding);
    if (width == 1) continue;
    for (size_t block = 0; block < blocks; ++block) {
      std::byte* element = &bytes[block * block_bytes + field.offset];
      for (size_t i = 0; i < field.count; ++i, element += width) std::reverse(element, element + width);
    }
  }
  return {};
}

}  // namespace kilter::quant
