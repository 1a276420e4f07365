#include "model/architectures/families.h"

namespace kilter {

// Yang et al. 2024 (Qwen2), section 2.2.1: Llama with biases on q, k and v. Rows of q and k are not permuted
// by the converter, so element i of a head turns with element i + n_rot/2.
constexpr Architecture kQwen2 = {
    .name = "qwen2",
    .covers = "Qwen 1.5, 2, 2.5",
    .rope_pairs = RopePairs::halves,
    .attn_qkv_bias = Presence::required,
    .attn_output_bias = Presence::absent,
    .attn_qk_norm = Presence::absent,
    .ffn_bias = Presence::absent,
    .output_bias = Presence::optional,
};

const Architecture& qwen2_architecture() { return kQwen2; }

}  // namespace kilter
