// What `kilter pull` can fetch, and how it is written.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kilter/result.h"

namespace kilter::cli {

/// hf:owner/repo/folder/file.gguf[@revision]
struct HubSpec {
  std::string owner;
  std::string repo;
  std::string path;
  std::string revision;  ///< a branch, tag or commit; "main" where none was given
};

/// pypi:package[==version]/path/in/wheel
struct PackageSpec {
  std::string package;
  std::string version;  ///< empty: the newest
  std::string path;
};

struct LocalPath {
  std::string path;
};

using ModelSpec = std::variant<LocalPath, HubSpec, PackageSpec>;

/// Every part that becomes part of an address or of a path on the disk is proved harmless: no empty, "." or
/// ".." components, no control characters, no backslash, nothing that an address would read as its own
/// punctuation. Errors: usage, naming the part.
Result<ModelSpec> parse_spec(std::string_view text);

/// Where a pulled file stands inside the folder of models: "hf/owner/repo@revision/file.gguf".
std::string cache_path(const HubSpec& spec);
std::string cache_path(const PackageSpec& spec);

/// All files of a split model of which `path` is one ("...-00001-of-00003.gguf"), in order; else `path`
/// alone.
std::vector<std::string> all_shards(const std::string& path);

}  // namespace kilter::cli
