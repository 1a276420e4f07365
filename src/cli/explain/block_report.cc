#include "cli/explain/block_report.h"

#include <fmt/format.h>

#include <bit>
#include <boost/json.hpp>
#include <cmath>

#include "cli/table.h"
#include "cli/units.h"

namespace kilter::cli {
namespace {

using quant::BlockDescription;

std::string ne_text(const gguf::TensorInfo& tensor) {
  return fmt::format("{{{}}}", fmt::join(tensor.ne, ", "));
}

// The shortest decimal that reads back as the same float, and its bits: decimals may lie, bits do not.
std::string float_text(float value) { return fmt::format("{}", value); }
std::string float_bits(float value) { return fmt::format("{:08x}", std::bit_cast<uint32_t>(value)); }

std::string bytes_part(const BlockDescription& block) {
  std::string text = "bytes\n";
  constexpr size_t kPerLine = 16;
  for (size_t i = 0; i < block.bytes.size(); i += kPerLine) {
    text += fmt::format("  {:4}  ", i);
    for (size_t j = i; j < std::min(i + kPerLine, block.bytes.size()); ++j) {
      text += fmt::format(" {:02x}", std::to_integer<unsigned>(block.bytes[j]));
    }
    text += '\n';
  }
  return text;
}

std::string fields_part(const BlockDescription& block) {
  Table table({{"offset", Align::right},
               {"bytes", Align::right},
               {"field"},
               {"as"},
               {"first bits"},
               {"first number"},
               {"meaning"}});
  for (const quant::FieldDescription& f : block.fields) {
    table.add({std::to_string(f.offset), std::to_string(f.size), std::string(f.name), std::string(f.encoding),
               fmt::format("0x{:x}", f.bits.front()), fmt::format("{}", f.numbers.front()),
               std::string(f.meaning)});
  }
  return "fields\n" + table.text(2);
}

std::string codes_part(const BlockDescription& block) {
  std::string text;
  for (const quant::CodeListDescription& list : block.code_lists) {
    text += fmt::format("{}: {}\n  {}\n", list.name, list.meaning, fmt::join(list.codes, " "));
  }
  return text;
}

// Which group value i belongs to.
size_t group_of(const BlockDescription& block, size_t i) {
  size_t g = 0;
  while (g + 1 < block.groups.size() && block.groups[g + 1].first_value <= i) ++g;
  return g;
}

std::string values_part(const BlockPlace& place, const BlockDescription& block) {
  Table table({{"i", Align::right},
               {"column", Align::right},
               {"group", Align::right},
               {"code", Align::right},
               {"scale", Align::right},
               {"offset", Align::right},
               {"value", Align::right},
               {"f32 bits"}});
  for (size_t i = 0; i < block.values.size(); ++i) {
    std::vector<std::string> row = {std::to_string(i), std::to_string(place.first_column + i)};
    if (block.codes.empty()) {
      row.insert(row.end(), {"", "", "", ""});
    } else {
      const size_t g = group_of(block, i);
      row.insert(row.end(), {std::to_string(g), float_text(block.codes[i]), float_text(block.groups[g].scale),
                             float_text(block.groups[g].offset)});
    }
    row.insert(row.end(), {float_text(block.values[i]), float_bits(block.values[i])});
    table.add(std::move(row));
  }
  return "values\n" + table.text(2);
}

// A number of JSON, or its name where JSON has none.
boost::json::value number(double x) {
  if (std::isfinite(x)) return x;
  return std::isnan(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity";
}

template <typename Numbers>
boost::json::array numbers(const Numbers& values) {
  boost::json::array array;
  for (const auto v : values) array.push_back(number(static_cast<double>(v)));
  return array;
}

boost::json::array fields_json(const BlockDescription& block) {
  boost::json::array fields;
  for (const quant::FieldDescription& f : block.fields) {
    fields.push_back({{"name", f.name},
                      {"offset", f.offset},
                      {"bytes", f.size},
                      {"as", f.encoding},
                      {"meaning", f.meaning},
                      {"hex", f.hex},
                      {"numbers", numbers(f.numbers)}});
  }
  return fields;
}

}  // namespace

Result<BlockPlace> find_block(const gguf::TensorInfo& tensor, uint64_t block) {
  const DTypeInfo& type = dtype_info(tensor.type);
  const uint64_t blocks = tensor.elements() / type.block_values;
  if (block >= blocks) {
    return Error{ErrorCode::usage, "--block", std::to_string(block) + " does not exist in " + tensor.name,
                 "choose from 0 to " + std::to_string(blocks - 1)};
  }
  const uint64_t per_row = tensor.extent(0) / type.block_values;
  return BlockPlace{.tensor = &tensor,
                    .block = block,
                    .blocks = blocks,
                    .row = block / per_row,
                    .first_column = block % per_row * type.block_values,
                    .tensor_offset = block * type.block_bytes,
                    .block_values = type.block_values};
}

std::string block_text(const BlockPlace& place, const BlockDescription& block) {
  const DTypeInfo& type = dtype_info(place.tensor->type);
  std::string text = fmt::format("{}  {}  ne = {}\n", place.tensor->name, type.name, ne_text(*place.tensor));
  text += fmt::format("block {} of {}: row {}, columns {} to {}; {} bytes from byte {} of the tensor\n\n",
                      place.block, grouped(place.blocks), place.row, place.first_column,
                      place.first_column + place.block_values - 1, block.bytes.size(), place.tensor_offset);
  text += bytes_part(block) + "\n" + fields_part(block) + "\n";
  if (!block.code_lists.empty()) text += codes_part(block) + "\n";
  if (!block.formula.empty()) text += fmt::format("formula\n  {}\n", block.formula);
  if (!block.mapping.empty()) text += fmt::format("  {}\n", block.mapping);
  return text + "\n" + values_part(place, block);
}

boost::json::object block_json(const BlockPlace& place, const BlockDescription& block) {
  boost::json::object codes;
  for (const quant::CodeListDescription& list : block.code_lists)
    codes[list.name] = boost::json::value_from(list.codes);
  boost::json::array groups;
  for (const quant::GroupDescription& g : block.groups) {
    groups.push_back(
        {{"first_value", g.first_value}, {"scale", number(g.scale)}, {"offset", number(g.offset)}});
  }
  boost::json::array bits;
  for (const float v : block.values) bits.emplace_back(float_bits(v));
  return {{"tensor", place.tensor->name},
          {"type", dtype_info(place.tensor->type).name},
          {"ne", boost::json::value_from(place.tensor->ne)},
          {"block", place.block},
          {"row", place.row},
          {"first_column", place.first_column},
          {"tensor_offset", place.tensor_offset},
          {"fields", fields_json(block)},
          {"code_lists", std::move(codes)},
          {"formula", block.formula},
          {"mapping", block.mapping},
          {"groups", std::move(groups)},
          {"codes", numbers(block.codes)},
          {"values", numbers(block.values)},
          {"value_bits", std::move(bits)}};
}

}  // namespace kilter::cli
