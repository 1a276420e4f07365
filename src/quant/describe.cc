#include "quant/describe.h"

#include <array>
#include <cstring>

#include "quant/blocks.h"
#include "quant/codec.h"
#include "quant/format.h"

namespace kilter::quant {
namespace {

std::string hex_of(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte b : bytes) {
    text += kDigits[std::to_integer<size_t>(b >> 4)];
    text += kDigits[std::to_integer<size_t>(b & std::byte{0xf})];
  }
  return text;
}

FieldDescription describe_field(const Field& field, std::span<const std::byte> block) {
  const size_t width = encoding_bytes(field.encoding);
  const auto bytes = block.subspan(field.offset, field.count * width);
  FieldDescription result{.name = field.name,
                          .encoding = encoding_name(field.encoding),
                          .meaning = field.meaning,
                          .offset = field.offset,
                          .size = bytes.size(),
                          .hex = hex_of(bytes),
                          .bits = {},
                          .numbers = {}};
  for (size_t i = 0; i < field.count; ++i) {
    uint64_t bits = 0;
    std::memcpy(&bits, &bytes[i * width], width);
    result.bits.push_back(bits);
    result.numbers.push_back(encoded_number(field.encoding, &bytes[i * width]));
  }
  return result;
}

template <size_t n>
void add_codes(const CodeList& list, const std::array<int, n>& codes, BlockDescription& description) {
  if (list.count == 0) return;
  description.code_lists.push_back(
      {list.name, list.meaning, {codes.begin(), codes.begin() + static_cast<ptrdiff_t>(list.count)}});
}

void describe_parts(const Format& format, const Parts& parts, BlockDescription& description) {
  const size_t n_values = description.values.size();
  description.block_scales.assign(parts.block_scale.begin(),
                                  parts.block_scale.begin() + static_cast<ptrdiff_t>(format.block_scales));
  add_codes(format.scale_codes, parts.scale_code, description);
  add_codes(format.offset_codes, parts.offset_code, description);
  add_codes(format.grid_indices, parts.grid_index, description);
  add_codes(format.sign_bits, parts.sign_bits, description);
  for (size_t g = 0; g < format.groups; ++g) {
    const float offset = format.has_offset ? parts.offset[g] : 0.0f;
    description.groups.push_back({g * n_values / format.groups, parts.scale[g], offset});
  }
  for (size_t i = 0; i < n_values; ++i) {
    description.codes.push_back(format.code_unit * static_cast<float>(parts.code[i]));
  }
}

}  // namespace

Result<BlockDescription> describe_block(DType type, std::span<const std::byte> block) {
  const DTypeInfo& info = dtype_info(type);
  const Format& format = format_of(type);
  BlockDescription description{};
  description.type = type;
  description.bytes.assign(block.begin(), block.end());
  description.formula = format.formula;
  description.mapping = format.mapping;
  description.values.resize(info.block_values);
  KILTER_TRY(decode(type, block, description.values));

  for (const Field& field : format.fields) description.fields.push_back(describe_field(field, block));
  if (format.unpack == nullptr) return description;
  Parts parts;
  format.unpack(block.data(), parts);
  describe_parts(format, parts, description);
  return description;
}

}  // namespace kilter::quant
