// The tensor entries of a GGUF file, from bytes to TensorInfo, and where their data lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gguf/field_reader.h"
#include "gguf/file.h"
#include "kilter/result.h"

namespace kilter::gguf {

/// Reads `count` entries and proves each name, shape, type and size. `bytes` of each is still empty.
/// Errors: corrupt or unsupported (a type this build does not know), naming the tensor.
Result<std::vector<TensorInfo>> read_tensors(FieldReader& in, uint64_t count);

/// Gives every tensor its bytes, after proving that they lie inside the data section, aligned and apart.
/// `data` is the file from its data section on; `file` is what errors call it.
/// Errors: corrupt, naming the tensor.
Status place_tensors(const std::string& file, std::span<const std::byte> data, uint64_t alignment,
                     std::vector<TensorInfo>& tensors);

}  // namespace kilter::gguf
