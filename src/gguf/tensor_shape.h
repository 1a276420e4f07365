// What a tensor's type and extents must obey, and how many bytes they mean.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "kilter/result.h"
#include "tensor/dtype.h"

namespace kilter::gguf {

/// How errors call a tensor: "tensor 'blk.0.attn_q.weight'", control characters escaped.
std::string tensor_subject(std::string_view name);

/// Bytes of the blocks of a tensor, after proving: 1 to 4 extents, none of them 0, whole blocks along ne[0],
/// and a size that fits 63 bits. `subject` is what the error calls the tensor. Errors: corrupt.
Result<uint64_t> stored_bytes(const std::string& subject, DType type, std::span<const uint64_t> ne);

}  // namespace kilter::gguf
