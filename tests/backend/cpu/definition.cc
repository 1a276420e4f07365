#include "definition.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "quant/codec.h"
#include "quant/format.h"

namespace kilter::cpu {
namespace {

constexpr int64_t kBlock = 256;

// One group with a float scale of its own: small integers in front of that scale, one an element.
struct Group {
  float scale = 0;
  float offset = 0;
  bool has_offset = false;
  std::vector<int64_t> factor;   // sc * q
  std::vector<int64_t> minimum;  // mn
};

bool has_integer_scales(DType type) {
  return type == DType::q2_k || type == DType::q3_k || type == DType::q4_k || type == DType::q5_k ||
         type == DType::q6_k;
}

// The groups of one block of the file.
std::vector<Group> groups_of(DType type, const std::byte* bytes) {
  const quant::Format& format = quant::format_of(type);
  const size_t n = dtype_info(type).block_values;
  quant::Parts parts;
  format.unpack(bytes, parts);
  std::vector<Group> groups;
  const size_t width = n / format.groups;
  for (size_t g = 0; g < format.groups; ++g) {
    Group group;
    group.scale = parts.scale[g] * format.code_unit;
    group.has_offset = format.has_offset;
    if (format.has_offset) group.offset = parts.offset[g];
    for (size_t i = 0; i < width; ++i) {
      group.factor.push_back(parts.code[g * width + i]);
      group.minimum.push_back(1);
    }
    groups.push_back(std::move(group));
  }
  if (!has_integer_scales(type)) return groups;
  Group whole;
  whole.scale = parts.block_scale[0];
  whole.has_offset = format.has_offset;
  if (format.has_offset) whole.offset = -parts.block_offset;
  for (size_t g = 0; g < format.groups; ++g) {
    for (const int64_t q : groups[g].factor) {
      whole.factor.push_back(parts.scale_code[g] * q);
      whole.minimum.push_back(format.has_offset ? parts.offset_code[g] : 0);
    }
  }
  return {whole};
}

float joined(const std::vector<int64_t>& sums) {
  auto joined = static_cast<float>(sums[0]);
  if (sums.size() >= 2) joined = std::fma(256.0F, static_cast<float>(sums[1]), joined);
  if (sums.size() == 3) joined = std::fma(65536.0F, static_cast<float>(sums[2]), joined);
  return joined;
}

}  // namespace

DefinedRow defined_quantised(const float* x, int64_t n, int planes) {
  const float top = planes == 1 ? 127.0F : planes == 2 ? 32639.0F : 8355710.0F;
  DefinedRow row;
  row.digits.assign(static_cast<size_t>(planes), std::vector<int32_t>(static_cast<size_t>(n)));
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = std::min(n, begin + kBlock);
    uint32_t largest_bits = 0;
    for (int64_t k = begin; k < end; ++k) {
      largest_bits = std::max(largest_bits, std::bit_cast<uint32_t>(x[k]) & 0x7fffffffU);
    }
    const auto largest = std::bit_cast<float>(largest_bits);
    if (!std::isfinite(largest)) {
      row.scale.push_back(std::nanf(""));
      continue;
    }
    if (largest < 0x1p-100F) {
      row.scale.push_back(0);
      continue;
    }
    row.scale.push_back(largest / top);
    const float inverse = top / largest;
    for (int64_t k = begin; k < end; ++k) {
      auto rest = static_cast<int32_t>(std::nearbyint(x[k] * inverse));
      for (auto& plane : row.digits) {
        const int32_t digit = (rest + 128) % 256 < 0 ? (rest + 128) % 256 + 128 : (rest + 128) % 256 - 128;
        plane[static_cast<size_t>(k)] = digit;
        rest = (rest - digit) / 256;
      }
    }
  }
  return row;
}

float defined_product(const Weight& weight, int64_t row, const DefinedRow& x) {
  const DTypeInfo& info = dtype_info(weight.type);
  const std::byte* bytes = weight.row(row).data();
  float acc = 0;
  float block = 0;
  for (int64_t k = 0; k < weight.cols;) {
    for (const Group& group : groups_of(weight.type, bytes)) {
      std::vector<int64_t> product(x.digits.size());
      std::vector<int64_t> minimum(x.digits.size());
      for (size_t i = 0; i < group.factor.size(); ++i, ++k) {
        for (size_t p = 0; p < x.digits.size(); ++p) {
          product[p] += group.factor[i] * x.digits[p][static_cast<size_t>(k)];
          minimum[p] += group.minimum[i] * x.digits[p][static_cast<size_t>(k)];
        }
      }
      if (group.has_offset) block = std::fma(group.offset, joined(minimum), block);
      block = std::fma(group.scale, joined(product), block);
      if (k % kBlock != 0 && k != weight.cols) continue;
      acc = std::fma(x.scale[static_cast<size_t>((k - 1) / kBlock)], block, acc);
      block = 0;
    }
    bytes += info.block_bytes;
  }
  return acc;
}

float defined_f32_product(const Weight& weight, int64_t row, const float* x) {
  std::vector<float> values(static_cast<size_t>(weight.cols));
  static_cast<void>(quant::decode(weight.type, weight.row(row), values));
  float acc = 0;
  for (size_t k = 0; k < values.size(); ++k) acc = std::fma(values[k], x[k], acc);
  return acc;
}

}  // namespace kilter::cpu
