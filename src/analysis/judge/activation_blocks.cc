#include "analysis/judge/activation_blocks.h"

#include <algorithm>
#include <cmath>

#include "analysis/judge/float_rounding.h"

namespace kilter::analysis {
namespace {

using Scale = ActivationBlocks::Scale;
using Pole = ActivationBlocks::Pole;

constexpr ActivationBlocks kQ8_0{32, Scale::f16, Pole::magnitude};
constexpr ActivationBlocks kQ8_K{256, Scale::f32, Pole::signed_largest};

float largest(std::span<const float> block) {
  float most = 0;
  for (const float x : block) {
    if (std::abs(x) > std::abs(most)) most = x;
  }
  return most;
}

std::span<const float> block_at(std::span<const float> row, size_t begin, int64_t size) {
  return row.subspan(begin, std::min(static_cast<size_t>(size), row.size() - begin));
}

}  // namespace

std::optional<ActivationBlocks> activation_blocks(DType weights) {
  switch (weights) {
    case DType::q4_0:
    case DType::q4_1:
    case DType::q5_0:
    case DType::q5_1:
    case DType::q8_0:
    case DType::iq4_nl:
    case DType::mxfp4:
    case DType::nvfp4:
      return kQ8_0;
    default:
      return dtype_info(weights).block_values == 256 ? std::optional(kQ8_K) : std::nullopt;
  }
}

std::optional<ActivationBlocks> blocks_of_32(DType weights) {
  return dtype_info(weights).block_values == 1 ? std::nullopt : std::optional(kQ8_0);
}

std::optional<ActivationBlocks> fast_blocks(DType weights) {
  if (dtype_info(weights).block_values == 1) return std::nullopt;
  return ActivationBlocks{256, Scale::f32, Pole::magnitude, 127};
}

std::optional<ActivationBlocks> accurate_blocks(DType weights) {
  if (dtype_info(weights).block_values == 1) return std::nullopt;
  return ActivationBlocks{256, Scale::f32, Pole::magnitude, 32639};
}

void round_in_blocks(const ActivationBlocks& blocks, std::span<float> row) {
  for (size_t begin = 0; begin < row.size(); begin += static_cast<size_t>(blocks.size)) {
    const size_t n = block_at(row, begin, blocks.size).size();
    const std::span<float> block = row.subspan(begin, n);
    const float most = largest(block);
    if (most == 0 || !std::isfinite(most)) continue;
    const float pole = blocks.pole == Pole::magnitude ? std::abs(most) / blocks.codes : most / -blocks.codes;
    const float inverse = 1 / pole;
    const float scale = blocks.scale == Scale::f16 ? round_to(kF16, pole) : pole;
    for (float& x : block) {
      const float code =
          blocks.pole == Pole::magnitude ? std::round(x * inverse) : std::nearbyint(x * inverse);
      x = std::clamp(code, -blocks.codes - 1, blocks.codes) * scale;
    }
  }
}

double largest_step(const ActivationBlocks& blocks, std::span<const float> row) {
  double step = 0;
  for (size_t begin = 0; begin < row.size(); begin += static_cast<size_t>(blocks.size)) {
    step =
        std::max(step, std::abs(double{largest(block_at(row, begin, blocks.size))}) / double{blocks.codes});
  }
  return step;
}

}  // namespace kilter::analysis
