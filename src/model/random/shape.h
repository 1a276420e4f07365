// The measures of a model that exists only as numbers, and how a person changes them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "kilter/result.h"
#include "model/architecture.h"

namespace kilter {

/// Everything that decides which tensors and keys a file gets, but not their types. The names are those that
/// `--set` takes; the numbers here are the shape "tiny".
struct ModelShape {
  std::string arch = "llama";
  std::string vocabulary = "spm";  ///< spm, llama3, qwen2 or smollm
  int64_t n_layer = 2;
  int64_t n_embd = 256;
  int64_t n_head = 4;
  int64_t n_head_kv = 2;
  int64_t n_ff = 512;
  int64_t n_vocab = 512;
  int64_t n_ctx = 512;
  int64_t key_length = 0;    ///< head width of q and k; 0: n_embd / n_head
  int64_t value_length = 0;  ///< head width of v; 0: n_embd / n_head
  double rope_base = 10000;
  double rms_eps = 1e-5;
  std::string rope_scaling = "none";  ///< none, linear or yarn
  double rope_factor = 1;
  int64_t rope_orig_ctx = 0;  ///< 0: n_ctx / rope_factor
  bool rope_freqs = false;    ///< a rope_freqs.weight, as Llama 3.1 has
  bool tied = false;          ///< the token embedding is also the output
  bool biases = false;        ///< every bias that the architecture permits, not only those it demands
  bool pure = false;          ///< every matrix in the base type (file_type.h)

  int64_t head_width_k() const { return key_length != 0 ? key_length : n_embd / n_head; }
  int64_t head_width_v() const { return value_length != 0 ? value_length : n_embd / n_head; }
  const Architecture& architecture() const { return *find_architecture(arch); }
};

/// A shape that has a name.
struct NamedShape {
  std::string_view name;
  std::string_view about;     ///< one line for the help text
  std::string_view measures;  ///< how it differs from "tiny": "n_layer=22 tied=on"
};
std::span<const NamedShape> all_shapes();

/// The measures of the shape called `name`. Errors: usage, with the list of names.
Result<ModelShape> find_shape(std::string_view name);

/// Changes one measure: "n_layer=3".
/// Errors: usage, naming the measure: unknown (with the list), or a value of the wrong kind or out of range.
Status set_measure(ModelShape& shape, std::string_view setting);

/// The settings that set_measure() takes: "n_layer=1..4096", "tied=on|off".
std::string measures_help();

/// Whether the measures make a model. Errors: usage, naming the measure that is wrong and why.
Status check_shape(const ModelShape& shape);

}  // namespace kilter
