// Activations as integers, block by block: how llama.cpp multiplies them, and how kilter does.
#pragma once

#include <optional>
#include <span>

#include "tensor/dtype.h"

namespace kilter::analysis {

/// How the activations of a product are kept.
struct ActivationBlocks {
  int64_t size;  ///< numbers with one scale
  enum class Scale { f16, f32 } scale;
  /// What becomes the largest code: |x|, or minus x itself.
  enum class Pole { magnitude, signed_largest } pole;
  float codes = 127;  ///< the largest code
};

/// For weights of this type: Q8_0 or Q8_1 blocks of 32 with a scale in f16, or Q8_K blocks of 256 with one in
/// f32. Nothing for types whose activations llama.cpp does not take apart. Source   the `vec_dot_type` of
/// each type in ggml-cpu's table; quantize_row_q8_0, _q8_1 and _q8_K.
std::optional<ActivationBlocks> activation_blocks(DType weights);

/// Q8_0 blocks whatever the block type of the weights, as small engines do.
std::optional<ActivationBlocks> blocks_of_32(DType weights);

/// kilter's own: blocks of 256 with codes up to 127 (`fast`) or 32639 (`accurate`), for every block type.
std::optional<ActivationBlocks> fast_blocks(DType weights);
std::optional<ActivationBlocks> accurate_blocks(DType weights);

/// Rounds a row in place. The last block may be short.
void round_in_blocks(const ActivationBlocks& blocks, std::span<float> row);

/// The largest distance between neighbouring numbers in any block of the row.
double largest_step(const ActivationBlocks& blocks, std::span<const float> row);

}  // namespace kilter::analysis
