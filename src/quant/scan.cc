#include "quant/scan.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>

#include "quant/blocks.h"
#include "quant/codec.h"
#include "quant/format.h"

namespace kilter::quant {
namespace {

void note(Sighting& sighting, bool seen, uint64_t block) {
  if (!seen) return;
  if (sighting.count == 0) sighting.first_block = block;
  ++sighting.count;
}

/// The smallest normal scale, by how the type stores it. E8M0 has no subnormals.
float smallest_normal_scale(DType type) {
  switch (type) {
    case DType::q8_k:
      return FLT_MIN;
    case DType::mxfp4:
      return 0.0f;
    case DType::nvfp4:
      return 0x1p-7f;  // UE4M3: 2^-6, and block_scale is half of it
    default:
      return 0x1p-14f;  // f16
  }
}

void scan_values(std::span<const float> values, uint64_t block, BlockScan& result) {
  for (const float value : values) {
    note(result.nan_values, std::isnan(value), block);
    note(result.infinite_values, std::isinf(value), block);
  }
}

void scan_scales(const Format& format, const Parts& parts, uint64_t block, BlockScan& result) {
  const float smallest_normal = smallest_normal_scale(format.type);
  for (size_t k = 0; k < format.block_scales; ++k) {
    const float scale = parts.block_scale[k];
    note(result.zero_scales, scale == 0.0f, block);
    note(result.subnormal_scales, scale != 0.0f && std::fabs(scale) < smallest_normal, block);
    note(result.negative_scales, scale < 0.0f, block);
  }
  for (size_t g = 0; g < format.groups; ++g) {
    const float step = std::fabs(parts.scale[g]);
    note(result.large_steps, step > kLargeStep && !std::isinf(step), block);
  }
}

Result<BlockScan> scan_plain(DType type, std::span<const std::byte> bytes) {
  constexpr size_t kChunk = 4096;
  const size_t value_bytes = dtype_info(type).block_bytes;
  BlockScan result{};
  result.blocks = result.values = bytes.size() / value_bytes;
  std::array<float, kChunk> values;
  for (size_t first = 0; first < result.values; first += kChunk) {
    const auto chunk = std::span(values).first(std::min<size_t>(kChunk, result.values - first));
    KILTER_TRY(decode(type, bytes.subspan(first * value_bytes, chunk.size() * value_bytes), chunk));
    for (size_t i = 0; i < chunk.size(); ++i) scan_values(chunk.subspan(i, 1), first + i, result);
  }
  return result;
}

}  // namespace

Result<BlockScan> scan(DType type, std::span<const std::byte> bytes) {
  KILTER_ASSIGN(const size_t blocks, count_blocks(type, bytes.size()));
  const Format& format = format_of(type);
  if (format.unpack == nullptr) return scan_plain(type, bytes);

  const DTypeInfo& info = dtype_info(type);
  BlockScan result{};
  result.blocks = blocks;
  result.values = blocks * info.block_values;
  Parts parts;
  std::array<float, 256> buffer;
  const auto values = std::span(buffer).first(info.block_values);
  for (size_t block = 0; block < blocks; ++block) {
    format.unpack(&bytes[block * info.block_bytes], parts);
    combine(format, parts, values);
    scan_values(values, block, result);
    scan_scales(format, parts, block, result);
  }
  return result;
}

}  // namespace kilter::quant
