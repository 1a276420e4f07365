// All blocks of a model, a piece at a time, on all processors.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gguf/file.h"
#include "kilter/result.h"

namespace kilter::cli {

/// Whole blocks of one tensor, about a MiB.
struct BlockPiece {
  const gguf::TensorInfo* tensor = nullptr;
  uint64_t first_block = 0;
  std::span<const std::byte> bytes;
};

/// Every block of every tensor, in the order of the file.
std::vector<BlockPiece> pieces_of(std::span<const gguf::TensorInfo> tensors);

/// Calls look_at(i) once for each piece, on several threads at once, with a progress bar that says `label`.
/// Errors: the first of look_at, after which no more pieces are begun; interrupted.
Status walk_blocks(std::span<const BlockPiece> pieces, const std::string& label,
                   const std::function<Status(size_t i)>& look_at);

}  // namespace kilter::cli
