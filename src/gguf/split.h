// Models that were cut into several files: name-00001-of-00003.gguf and so on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gguf/shard.h"
#include "kilter/result.h"

namespace kilter::gguf {

/// The name of one file of a split model, taken apart.
struct SplitName {
  std::string prefix;  ///< with the folder: everything before "-00001-of-00003.gguf"
  uint32_t number;     ///< from 1
  uint32_t count;
};

/// Nothing when `path` does not end like a file of a split model.
std::optional<SplitName> parse_split_name(const std::string& path);

/// The path of file `number` (from 1).
std::string split_path(const SplitName& name, uint32_t number);

/// How many files the model of `shard` has by its metadata: split.count, or 1 when the key is absent.
Result<uint64_t> split_count(const Shard& shard);

/// Opens the other files of the model that `named` belongs to, and proves that they belong together: the same
/// version, byte order and split.count, each with its own split.no, and together split.tensors.count tensors.
/// The answer is in the order of the split.
/// Errors: not_found (naming the missing file), corrupt, and those of open_shard.
Result<std::vector<Shard>> open_split(Shard named);

}  // namespace kilter::gguf
