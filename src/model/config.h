// The numbers of a model, as its metadata gives them. Names are GGUF's without the architecture's prefix.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gguf/metadata.h"
#include "kilter/result.h"
#include "model/architecture.h"

namespace kilter {

/// How rotary frequencies are stretched for contexts longer than the model was trained on.
enum class RopeScaling {
  none,
  linear,  ///< every position divided by factor (Chen et al. 2023)
  yarn,    ///< long waves as linear, short ones untouched, a ramp between (Peng et al. 2023)
};

/// GGUF `<arch>.rope.*`.
struct RopeConfig {
  int64_t dimension_count = 0;  ///< n_rot, even, at most the head width
  double freq_base = 10000.0;
  RopeScaling scaling = RopeScaling::none;
  double factor = 1.0;
  int64_t original_context_length = 0;  ///< YaRN: positions of the first training
  double attn_factor = 1.0;             ///< multiplies the magnitude
  double yarn_ext_factor = 1.0;
  double yarn_attn_factor = 0.0;  ///< the magnitude itself; 0: YaRN's 1 + 0.1 ln(factor)
  double yarn_beta_fast = 32.0;
  double yarn_beta_slow = 1.0;
};

/// What may differ from layer to layer: GGUF gives one number or an array.
struct LayerConfig {
  int64_t n_head = 0;     ///< attention.head_count
  int64_t n_head_kv = 0;  ///< attention.head_count_kv
  int64_t n_ff = 0;       ///< feed_forward_length
};

struct Config {
  const Architecture* architecture = nullptr;
  std::string name;            ///< general.name; may be empty
  int64_t n_layer = 0;         ///< block_count
  int64_t n_embd = 0;          ///< embedding_length
  int64_t n_ctx_train = 0;     ///< context_length
  int64_t n_embd_head_k = 0;   ///< attention.key_length, else n_embd / n_head
  int64_t n_embd_head_v = 0;   ///< attention.value_length, else n_embd / n_head
  double rms_eps = 0;          ///< attention.layer_norm_rms_epsilon
  double attention_scale = 0;  ///< attention.scale, else 1 / sqrt(n_embd_head_k)
  RopeConfig rope;
  std::vector<LayerConfig> layers;  ///< [n_layer]
};

/// Reads and proves all numbers; none is taken on trust.
/// Errors: not_found and corrupt naming the key; unsupported for an architecture that does not
/// run here (with the list of those that do), for mixtures of experts, and for rope scalings
/// other than none, linear and yarn.
Result<Config> read_config(const gguf::Metadata& metadata);

}  // namespace kilter
