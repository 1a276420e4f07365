#include "cli/model_hash.h"

#include "base/file_map.h"
#include "cli/pull/sha256.h"

namespace kilter::cli {

Result<std::string> model_hash(const gguf::File& file) {
  Sha256 hash;
  for (size_t i = 0; i < file.shard_count(); ++i) {
    KILTER_ASSIGN(const FileMap map, FileMap::open(file.shard(i).path));
    hash.update({reinterpret_cast<const char*>(map.bytes().data()), map.bytes().size()});
  }
  return hash.hex();
}

}  // namespace kilter::cli
