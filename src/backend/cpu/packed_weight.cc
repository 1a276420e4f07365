#include "backend/cpu/packed_weight.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <vector>

#include "quant/codec.h"
#include "quant/format.h"
#include "quant/half.h"

namespace kilter::cpu {
namespace {

using quant::Parts;

// One panel block taken apart: 16 rows of up to 256 values.
struct LooseBlock {
  std::array<std::array<uint8_t, kBlockValues>, kPanelRows> code{};
  std::array<std::array<float, 16>, kPanelRows> scale{};   // per group of the float scales
  std::array<std::array<float, 16>, kPanelRows> offset{};  // integer scales: d and dmin stand in entry 0
  std::array<std::array<int, 16>, kPanelRows> unit_scale{};
  std::array<std::array<int, 16>, kPanelRows> unit_minimum{};
};

// What stays the same over all blocks of a weight.
struct Source {
  const PanelFormat& format;
  const quant::Format& blocks;
  int64_t block_values;
  int64_t block_bytes;
};

// Values [first, first + block_values) of row r.
void take_parts(const Parts& parts, const Source& source, size_t first, size_t r, LooseBlock& loose) {
  const PanelFormat& format = source.format;
  const auto n = static_cast<size_t>(source.block_values);
  for (size_t i = 0; i < n; ++i) {
    loose.code[r][first + i] = static_cast<uint8_t>(parts.code[i] + format.zero);
  }
  if (format.scales == Scales::integer) {
    loose.scale[r][0] = parts.block_scale[0];
    loose.offset[r][0] = parts.block_offset;
    for (size_t g = 0; g < n / static_cast<size_t>(format.unit); ++g) {
      loose.unit_scale[r][g] = parts.scale_code[g];
      loose.unit_minimum[r][g] = format.has_offset ? parts.offset_code[g] : 0;
    }
    return;
  }
  const float unit = source.blocks.code_unit;
  const auto group = static_cast<size_t>(format.group);
  for (size_t g = 0; g < n / group; ++g) {
    loose.scale[r][first / group + g] = parts.scale[g] * unit;
    if (format.has_offset) loose.offset[r][first / group + g] = parts.offset[g];
  }
}

// Values [begin, begin + n) of a row.
void unpack_row(const Weight& weight, const Source& source, int64_t row, int64_t begin, int64_t n,
                LooseBlock& loose) {
  const std::byte* bytes = weight.row(row).data() + begin / source.block_values * source.block_bytes;
  Parts parts;
  for (int64_t first = 0; first < n; first += source.block_values, bytes += source.block_bytes) {
    source.blocks.unpack(bytes, parts);
    take_parts(parts, source, static_cast<size_t>(first), static_cast<size_t>(row % kPanelRows), loose);
  }
}

// The four codes of one row in a line, as the bytes of a word.
uint32_t line_word(const std::array<uint8_t, kBlockValues>& codes, int64_t line) {
  uint32_t word = 0;
  std::memcpy(&word, &codes[static_cast<size_t>(line) * kLineValues], sizeof(word));
  return word;
}

// Bits [shift, shift + width) of the codes, `8 / width` lines to a byte: see panel_format.h.
template <int shift, int width>
void pack_plane(const LooseBlock& loose, int64_t n, std::byte* to) {
  constexpr int64_t lines_a_byte = 8 / width;
  constexpr uint32_t field = 0x01010101U * ((1U << width) - 1);
  for (int64_t line = 0; line < n / kLineValues; line += lines_a_byte, to += kLineBytes) {
    for (size_t r = 0; r < kPanelRows; ++r) {
      uint32_t word = 0;
      for (int64_t i = 0; i < lines_a_byte; ++i) {
        word |= (line_word(loose.code[r], line + i) >> shift & field) << (i * width);
      }
      std::memcpy(to + r * kLineValues, &word, sizeof(word));
    }
  }
}

void pack_codes(const LooseBlock& loose, const PanelFormat& format, int64_t n, std::byte* to) {
  if (format.codes == Codes::byte) return pack_plane<0, 8>(loose, n, to);
  pack_plane<0, 4>(loose, n, to);
  if (format.codes == Codes::nibble_1) pack_plane<4, 1>(loose, n, to + 8 * n);
  if (format.codes == Codes::nibble_2) pack_plane<4, 2>(loose, n, to + 8 * n);
}

// Sixteen numbers, one a row, as f16 or f32; returns what follows them.
std::byte* put_lane_numbers(const std::array<std::array<float, 16>, kPanelRows>& numbers, size_t g,
                            bool as_f16, std::byte* to) {
  for (size_t r = 0; r < kPanelRows; ++r) {
    const float number = numbers[r][g];
    if (as_f16) {
      const uint16_t half = quant::f32_to_f16(number);
      std::memcpy(to, &half, sizeof(half));
      to += sizeof(half);
    } else {
      std::memcpy(to, &number, sizeof(number));
      to += sizeof(number);
    }
  }
  return to;
}

void pack_scales(const LooseBlock& loose, const PanelFormat& format, int64_t n, std::byte* to) {
  const auto put_units = [&](const std::array<std::array<int, 16>, kPanelRows>& units) {
    for (size_t u = 0; u < static_cast<size_t>(n / format.unit); ++u) {
      for (size_t r = 0; r < kPanelRows; ++r) *to++ = static_cast<std::byte>(units[r][u]);
    }
  };
  const bool f16 = format.scales != Scales::f32;
  size_t groups = static_cast<size_t>(n / format.group);
  if (format.scales == Scales::integer) {
    put_units(loose.unit_scale);
    if (format.has_offset) put_units(loose.unit_minimum);
    groups = 1;
  }
  for (size_t g = 0; g < groups; ++g) to = put_lane_numbers(loose.scale, g, f16, to);
  if (!format.has_offset) return;
  for (size_t g = 0; g < groups; ++g) to = put_lane_numbers(loose.offset, g, f16, to);
}

void pack_integer_panel(const Weight& weight, const PanelFormat& format, int64_t panel, std::byte* to) {
  const DTypeInfo& info = dtype_info(weight.type);
  const Source source{format, quant::format_of(weight.type), info.block_values, info.block_bytes};
  const int64_t first_row = panel * kPanelRows;
  const int64_t rows = std::min<int64_t>(kPanelRows, weight.rows - first_row);
  LooseBlock loose;  // zeros: rows beyond the last stay so
  for (int64_t begin = 0; begin < weight.cols; begin += kBlockValues) {
    const int64_t n = std::min<int64_t>(kBlockValues, weight.cols - begin);
    for (int64_t r = 0; r < rows; ++r) unpack_row(weight, source, first_row + r, begin, n, loose);
    const int64_t bytes = format.code_bytes(n) + format.scale_bytes(n);
    pack_codes(loose, format, n, to);
    pack_scales(loose, format, n, to + format.code_bytes(n));
    std::fill(to + bytes, to + format.block_bytes(n), std::byte{0});
    to += format.block_bytes(n);
  }
}

// [k][16]: the rows as they are stored, or decoded to f32.
template <typename Number>
void transpose_panel(const Weight& weight, int64_t panel, std::byte* to) {
  const auto cols = static_cast<size_t>(weight.cols);
  std::vector<Number> rows(cols * kPanelRows);  // zeros: rows beyond the last stay so
  for (int64_t r = 0; r < std::min<int64_t>(kPanelRows, weight.rows - panel * kPanelRows); ++r) {
    const auto bytes = weight.row(panel * kPanelRows + r);
    const std::span row(&rows[static_cast<size_t>(r) * cols], cols);
    if constexpr (std::is_same_v<Number, float>) {
      static_cast<void>(quant::decode(weight.type, bytes, row));  // whole rows: the sizes always fit
    } else {
      std::memcpy(row.data(), bytes.data(), bytes.size());
    }
  }
  for (size_t k = 0; k < cols; ++k, to += kPanelRows * sizeof(Number)) {
    std::array<Number, kPanelRows> line;
    for (size_t r = 0; r < kPanelRows; ++r) line[r] = rows[r * cols + k];
    std::memcpy(to, line.data(), sizeof(line));
  }
}

}  // namespace

PackedWeight packed_form(const Weight& weight) {
  PackedWeight packed{.rows = weight.rows, .cols = weight.cols};
  if (const auto format = panel_format(weight.type)) {
    packed.kind = PanelKind::integer;
    packed.format = *format;
  } else if (weight.type == DType::f16) {
    packed.kind = PanelKind::f16;
  } else if (weight.type == DType::bf16) {
    packed.kind = PanelKind::bf16;
  }
  return packed;
}

void pack_panels(const Weight& weight, int64_t begin, int64_t end, std::byte* to) {
  const PackedWeight form = packed_form(weight);
  for (int64_t panel = begin; panel < end; ++panel) {
    std::byte* target = to + panel * form.panel_bytes();
    switch (form.kind) {
      case PanelKind::integer:
        pack_integer_panel(weight, form.format, panel, target);
        break;
      case PanelKind::f32:
        transpose_panel<float>(weight, panel, target);
        break;
      case PanelKind::f16:
      case PanelKind::bf16:
        transpose_panel<uint16_t>(weight, panel, target);
        break;
    }
  }
}

}  // namespace kilter::cpu
