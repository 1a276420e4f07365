// What a transformer layer is made of, as the stages of ops.h are handed it.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace kilter {

/// Which elements of a head are turned together by rotary position embedding.
enum class RopePairs {
  adjacent,  ///< (2i, 2i+1): GGUF's Llama, whose q and k rows the converter permuted
  halves,    ///< (i, i + n_rot/2): Qwen, Gemma, Phi
};

/// Rotary position embedding. Pair i of a head at position p is turned by the angle p * frequency[i].
/// All scalings (linear, YaRN, per-frequency factors) are constants of a frequency, so they are folded in at
/// load. Source: Su et al. 2021, eq. 15; Peng et al. 2023 (YaRN), eq. 22-23.
struct Rope {
  RopePairs pairs = RopePairs::adjacent;
  int64_t n_rot = 0;              ///< elements of a head that are turned; the others pass
  std::vector<double> frequency;  ///< [n_rot / 2] radians a position
  double magnitude = 1.0;         ///< YaRN's factor on the turned elements
};

/// The weights and numbers of one layer. An absent weight (`!present()`) means that the step does not exist.
struct Layer {
  int64_t n_head = 0;     ///< H  query heads
  int64_t n_head_kv = 0;  ///< K  key and value heads; query head h reads kv head h / (H / K)
  int64_t head_k = 0;     ///< Hk width of a query and key head
  int64_t head_v = 0;     ///< Hv width of a value head
  int64_t n_ff = 0;       ///< F  width of the feed-forward block
  float rms_eps = 0;
  float attn_scale = 0;  ///< factor on q . k, usually 1 / sqrt(Hk)
  Rope rope;

  Weight attn_norm;               ///< [D]
  Weight attn_q, attn_k, attn_v;  ///< [H*Hk, D] [K*Hk, D] [K*Hv, D]
  Weight attn_q_bias, attn_k_bias, attn_v_bias;
  Weight attn_q_norm, attn_k_norm;       ///< [Hk]
  Weight attn_output, attn_output_bias;  ///< [D, H*Hv] [D]

  Weight ffn_norm;                    ///< [D]
  Weight ffn_gate, ffn_up, ffn_down;  ///< [F, D] [F, D] [D, F]
  Weight ffn_gate_bias, ffn_up_bias, ffn_down_bias;
};

/// Query, key and value of a batch.
struct Qkv {
  Tensor q;  ///< [T, H, Hk]
  Tensor k;  ///< [T, K, Hk]
  Tensor v;  ///< [T, K, Hv]
};

/// The end of the model: from the residual stream to logits.
struct Head {
  float rms_eps = 0;
  Weight output_norm;  ///< [D]
  Weight output;       ///< [V, D]; the token embedding itself where the file ties the two
  Weight output_bias;  ///< [V]
};

}  // namespace kilter
