// Header, metadata and tensor entries as the bytes of a file: the inverse of
// read_metadata.h and read_tensors.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "gguf/byte_order.h"
#include "gguf/metadata.h"
#include "tensor/dtype.h"

namespace kilter::gguf {

/// One tensor entry, and where its data shall be.
struct TensorEntry {
  std::string name;
  DType type = DType::f32;
  std::vector<uint64_t> ne;
  uint64_t offset = 0;  ///< from the start of the data section
};

/// Everything before the data section, without the padding that follows.
/// Nothing is checked here: reading the answer back is the check.
std::vector<std::byte> encode_header(uint32_t version, ByteOrder order, const Metadata& metadata,
                                     std::span<const TensorEntry> tensors);

}  // namespace kilter::gguf
