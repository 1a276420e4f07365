// Models with random weights: valid files of any shape and type, for tests,
// benchmarks and the search for bugs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "kilter/result.h"

namespace kilter {

/// What a random model is to be like.
struct RandomModelRequest {
  std::string shape = "tiny";   ///< a name of all_shapes() (random/shape.h)
  std::string type = "q4_k_m";  ///< a name of all_file_types() (random/file_type.h)
  uint64_t seed = 0;
  /// Measures to change, in this order: "n_layer=3". measures_help() lists them.
  std::vector<std::string> measures;
};

/// What was written.
struct RandomModelSummary {
  uint64_t n_tensors = 0;
  uint64_t n_weights = 0;
  uint64_t n_bytes = 0;  ///< of tensor data
};

/// Called now and then with the bytes of tensor data written and to write; an error
/// ends the work and is handed on.
using RandomModelProgress = std::function<Status(uint64_t written, uint64_t total)>;

/// Writes a GGUF file that loads like any other. The same request gives the same bytes on any machine and for
/// any number of threads; memory stays at a few MiB whatever the size of the model.
///
/// Matrices have mean 0 and standard deviation 1/sqrt(n_in), so that a product with normalised values has
/// deviation 1, and neither attention nor the residual stream runs away over the layers. Norm weights are
/// near 1, biases small and not 0. The token embedding has deviation 1; where it is the output too, it is a
/// matrix like the others. The vocabulary (random/vocabulary.h) encodes any text.
///
/// A file that is there already is replaced when the new one is complete.
///
/// Errors: usage, naming the shape, type or measure; io; those of `progress`.
Result<RandomModelSummary> write_random_model(const RandomModelRequest& request, const std::string& path,
                                              ThreadPool& threads, const RandomModelProgress& progress);

}  // namespace kilter
