// A loaded model: its numbers and its weights, every shape proved.
#pragma once

#include <memory>
#include <vector>

#include "gguf/file.h"
#include "kilter/result.h"
#include "model/config.h"
#include "ops/layer.h"

namespace kilter {

struct Model {
  Config config;
  Weight token_embd;          ///< [V, D]
  std::vector<Layer> layers;  ///< [n_layer]
  Head head;

  int64_t n_vocab() const { return token_embd.rows; }
  /// Every weight that a pass multiplies or adds, in the order of a pass: all that are present but
  /// token_embd, of which a pass reads single rows.
  std::vector<const Weight*> weights() const;

  /// The weights' bytes live in the file.
  std::shared_ptr<const gguf::File> file;
};

/// Turns a file into a model. After it, the forward pass needs no checks: every weight that the
/// architecture needs is there with the shape that the numbers demand, and no weight is left over that
/// would be ignored in silence. Errors: those of read_config(); not_found and mismatch naming the tensor,
/// the expected shape, and the key to doubt.
Result<Model> load_model(std::shared_ptr<const gguf::File> file);

}  // namespace kilter
