// Tensors by name.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "gguf/file.h"
#include "kilter/result.h"

namespace kilter::gguf {

/// The indices of `tensors`, sorted by name, after proving that no name is there twice. Sorting takes n log n
/// steps whatever the names are; a hash table could be made slow by a file that is written for it.
/// Errors: corrupt, naming the tensor. `file` is what the error calls the model.
Result<std::vector<size_t>> index_by_name(const std::string& file, std::span<const TensorInfo> tensors);

}  // namespace kilter::gguf
