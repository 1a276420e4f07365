// Every block of every weight, decoded twice by decoders that share no code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gguf/file.h"
#include "kilter/result.h"

namespace kilter::cli {

/// A number that the two decoders read differently.
struct DecodedTwice {
  std::string tensor;
  uint64_t block = 0;
  uint64_t element = 0;  ///< of the block
  float decoded = 0;     ///< by quant/, which the kernels' layouts are made with
  float oracle = 0;      ///< by the reference backend
};

struct DecodeCheck {
  uint64_t tensors = 0;
  uint64_t blocks = 0;
  uint64_t values = 0;
  uint64_t differing = 0;  ///< values whose bits differ; any NaN equals any NaN
  std::optional<DecodedTwice> first;
};

/// Errors: memory, interrupted.
Result<DecodeCheck> check_decoding(const gguf::File& file);

}  // namespace kilter::cli
