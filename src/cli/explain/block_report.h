// One block of a tensor, decoded line by line, for laying another decoder's numbers beside it.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>

#include "gguf/file.h"
#include "kilter/result.h"
#include "quant/describe.h"

namespace kilter::cli {

/// Where a block stands in its tensor.
struct BlockPlace {
  const gguf::TensorInfo* tensor;
  uint64_t block;          ///< number in the tensor, rows one after another
  uint64_t blocks;         ///< of the whole tensor
  uint64_t row;            ///< which row (the product of all axes but ne[0]) it belongs to
  uint64_t first_column;   ///< ne[0] index of its first value
  uint64_t tensor_offset;  ///< bytes from the start of the tensor
  uint64_t block_values;
};

/// Errors: usage, when the tensor has no such block.
Result<BlockPlace> find_block(const gguf::TensorInfo& tensor, uint64_t block);

std::string block_text(const BlockPlace& place, const quant::BlockDescription& block);
boost::json::object block_json(const BlockPlace& place, const quant::BlockDescription& block);

}  // namespace kilter::cli
