#include "model/architectures/families.h"

namespace kilter {

// Touvron et al. 2023 (Llama 1 and 2), Dubey et al. 2024 (Llama 3). The converter to GGUF permutes the rows
// of q and k inside each head, so that the pairs which the papers turn together stand side by side. Biases:
// attention_bias and mlp_bias of Hugging Face's LlamaConfig.
constexpr Architecture kLlama = {
    .name = "llama",
    .covers = "Llama 1, 2, 3.x, TinyLlama, Mistral, SmolLM",
    .rope_pairs = RopePairs::adjacent,
    .attn_qkv_bias = Presence::optional,
    .attn_output_bias = Presence::optional,
    .attn_qk_norm = Presence::absent,
    .ffn_bias = Presence::optional,
    .output_bias = Presence::absent,
};

const Architecture& llama_architecture() { return kLlama; }

}  // namespace kilter
