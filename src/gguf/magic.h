// What a file says it is, in its first bytes.
#pragma once

#include <cstdint>

#include "gguf/byte_order.h"
#include "gguf/field_reader.h"
#include "kilter/result.h"

namespace kilter::gguf {

struct VersionAndOrder {
  uint32_t version;
  ByteOrder byte_order;
};

/// Reads magic and version. The version tells the byte order: in the wrong one it is far too large.
/// A file of another kind that people meet (older formats, safetensors, a web page, a Git LFS pointer) is
/// named. Errors: corrupt, unsupported.
Result<VersionAndOrder> read_magic(FieldReader& in, std::span<const std::byte> file);

}  // namespace kilter::gguf
