// One GGUF file, read and proved on its own.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file_map.h"
#include "gguf/file.h"
#include "kilter/result.h"

namespace kilter::gguf {

/// What one file holds. Movable; the bytes of the tensors stay where they are.
struct Shard {
  std::optional<FileMap> map;  ///< empty for bytes in memory
  ShardInfo info;
  std::vector<TensorInfo> tensors;
  std::vector<std::byte> converted;  ///< the data section in little-endian order, for big-endian files only
};

/// Reads what comes before the data section: magic, metadata, tensor entries, which get no bytes yet.
/// Errors: corrupt, unsupported; see File::open.
Result<Shard> read_header(std::span<const std::byte> bytes, std::string name);

/// Reads the header and gives every tensor its bytes. `name` is what errors call the bytes.
/// Errors: corrupt, unsupported; see File::open.
Result<Shard> read_shard(std::span<const std::byte> bytes, std::string name);

/// Maps the file and reads it. Errors: also not_found and io.
Result<Shard> open_shard(const std::string& path);

}  // namespace kilter::gguf
