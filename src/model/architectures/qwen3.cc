#include "model/architectures/families.h"

namespace kilter {

// Yang et al. 2025 (Qwen3), section 2: Qwen2 without its biases; each head of q
// and k is normalised before rope.
constexpr Architecture kQwen3 = {
    .name = "qwen3",
    .covers = "Qwen 3 (dense)",
    .rope_pairs = RopePairs::halves,
    .attn_qkv_bias = Presence::absent,
    .attn_output_bias = Presence::absent,
    .attn_qk_norm = Presence::required,
    .ffn_bias = Presence::absent,
    .output_bias = Presence::absent,
};

const Architecture& qwen3_architecture() { return kQwen3; }

}  // namespace kilter
