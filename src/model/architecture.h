// An architecture is data: which optional tensors a family has, and the few
// choices that metadata does not state.
#pragma once

#include <span>
#include <string_view>

#include "ops/layer.h"

namespace kilter {

/// Whether a file of this family may, must or must not hold a tensor.
enum class Presence { absent, optional, required };

/// One family. The table of a family lives in architectures/<name>.cc; adding one is adding that file and its
/// line in architectures/all.cc.
struct Architecture {
  std::string_view name;    ///< general.architecture, and the prefix of its keys
  std::string_view covers;  ///< models that people know it by
  RopePairs rope_pairs;
  Presence attn_qkv_bias;     ///< blk.N.attn_{q,k,v}.bias
  Presence attn_output_bias;  ///< blk.N.attn_output.bias
  Presence attn_qk_norm;      ///< blk.N.attn_{q,k}_norm.weight, a norm of each head before rope
  Presence ffn_bias;          ///< blk.N.ffn_{gate,up,down}.bias
  Presence output_bias;       ///< output.bias
};

/// The families that run, in the order of their names.
std::span<const Architecture* const> all_architectures();

/// The family called `name`, or null.
const Architecture* find_architecture(std::string_view name);

}  // namespace kilter
