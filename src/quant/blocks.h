// The check that sizes are whole blocks, for every function that takes a type and bytes.
#pragma once

#include <cstddef>
#include <string>

#include "kilter/result.h"
#include "tensor/dtype.h"

namespace kilter::quant {

/// How many blocks `bytes` bytes of `type` are.
/// Errors   usage, when they are not whole blocks.
inline Result<size_t> count_blocks(DType type, size_t bytes) {
  const DTypeInfo& info = dtype_info(type);
  if (bytes % info.block_bytes == 0) return bytes / info.block_bytes;
  return Error{
      ErrorCode::usage, std::string(info.name),
      std::to_string(bytes) + " bytes are not whole blocks of " + std::to_string(info.block_bytes) + " bytes",
      ""};
}

/// How many blocks both sizes mean.
/// Errors   usage, when the bytes are not whole blocks, or hold another number of values.
inline Result<size_t> count_blocks(DType type, size_t bytes, size_t values) {
  KILTER_ASSIGN(const size_t blocks, count_blocks(type, bytes));
  const DTypeInfo& info = dtype_info(type);
  if (values == blocks * info.block_values) return blocks;
  return Error{ErrorCode::usage, std::string(info.name),
               std::to_string(bytes) + " bytes hold " + std::to_string(blocks * info.block_values) +
                   " values, but " + std::to_string(values) + " were given",
               ""};
}

}  // namespace kilter::quant
