// The tensors that a model of a given shape consists of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/random/blocks.h"
#include "model/random/file_type.h"
#include "model/random/shape.h"
#include "tensor/dtype.h"

namespace kilter {

/// What fills a tensor.
enum class Content {
  random,
  rope_factors,  ///< 1 for the shorter waves, rising to 8 for the longer ones, as Llama 3.1 has it
};

struct RandomTensor {
  std::string name;
  DType type = DType::f32;
  int64_t n_cols = 0;
  int64_t n_rows = 0;  ///< 0 for a vector
  Content content = Content::random;
  Spread spread;
};

/// All tensors, in the order of the file.
std::vector<RandomTensor> list_tensors(const ModelShape& shape, const FileType& file_type);

/// The numbers of a Content::rope_factors tensor: factors[i] is 1 in the first half, 8 in the last
/// quarter, a straight line between.
std::vector<float> rope_factors(int64_t n);

}  // namespace kilter
