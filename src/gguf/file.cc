#include "gguf/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "gguf/name_index.h"
#include "gguf/shard.h"
#include "gguf/split.h"

namespace kilter::gguf {

struct File::Contents {
  std::vector<Shard> shards;        // their tensors have moved to `tensors`
  std::vector<TensorInfo> tensors;  // of all shards, in order
  std::vector<size_t> by_name;      // indices into `tensors`, sorted by name
  uint64_t file_bytes = 0;

  /// Takes the shards and proves that no two tensors have one name.
  static Result<std::unique_ptr<Contents>> assemble(std::vector<Shard> shards);
};

Result<std::unique_ptr<File::Contents>> File::Contents::assemble(std::vector<Shard> shards) {
  auto all = std::make_unique<Contents>();
  size_t n_tensors = 0;
  for (const Shard& shard : shards) n_tensors += shard.tensors.size();
  all->tensors.reserve(n_tensors);
  for (size_t i = 0; i < shards.size(); ++i) {
    all->file_bytes += shards[i].info.file_bytes;
    for (TensorInfo& tensor : shards[i].tensors) {
      tensor.shard = static_cast<uint32_t>(i);
      all->tensors.push_back(std::move(tensor));
    }
    shards[i].tensors.clear();
  }
  all->shards = std::move(shards);

  KILTER_ASSIGN(all->by_name, index_by_name(all->shards.front().info.path, all->tensors));
  return all;
}

Result<File> File::open(const std::string& path) {
  KILTER_ASSIGN(Shard named, open_shard(path));
  KILTER_ASSIGN(const uint64_t count, split_count(named));
  std::vector<Shard> shards;
  if (count == 1) {
    shards.push_back(std::move(named));
  } else {
    KILTER_ASSIGN(shards, open_split(std::move(named)));
  }
  KILTER_ASSIGN(auto contents, Contents::assemble(std::move(shards)));
  return File(std::move(contents));
}

Result<File> File::parse(std::span<const std::byte> bytes, std::string name) {
  KILTER_ASSIGN(Shard shard, read_shard(bytes, std::move(name)));
  KILTER_ASSIGN(const uint64_t count, split_count(shard));
  if (count != 1) {
    return Error{ErrorCode::unsupported, shard.info.path,
                 fmt::format("is one of {} files of a split model, and the others are not in memory", count),
                 "open it by its path"};
  }
  std::vector<Shard> shards;
  shards.push_back(std::move(shard));
  KILTER_ASSIGN(auto contents, Contents::assemble(std::move(shards)));
  return File(std::move(contents));
}

File::File(std::unique_ptr<Contents> contents) : contents_(std::move(contents)) {}
File::File(File&&) noexcept = default;
File& File::operator=(File&&) noexcept = default;
File::~File() = default;

uint64_t TensorInfo::elements() const {
  return std::accumulate(ne.begin(), ne.end(), uint64_t{1}, std::multiplies<>());
}

const TensorInfo* File::find(std::string_view name) const {
  const auto& tensors = contents_->tensors;
  const auto at = std::lower_bound(contents_->by_name.begin(), contents_->by_name.end(), name,
                                   [&tensors](size_t i, std::string_view n) { return tensors[i].name < n; });
  const bool found = at != contents_->by_name.end() && tensors[*at].name == name;
  return found ? &tensors[*at] : nullptr;
}

const Metadata& File::metadata() const { return shard(0).metadata; }
std::span<const TensorInfo> File::tensors() const { return contents_->tensors; }
uint32_t File::version() const { return shard(0).version; }
ByteOrder File::byte_order() const { return shard(0).byte_order; }
uint64_t File::alignment() const { return shard(0).alignment; }
uint64_t File::file_bytes() const { return contents_->file_bytes; }
size_t File::shard_count() const { return contents_->shards.size(); }
const ShardInfo& File::shard(size_t index) const { return contents_->shards[index].info; }
const std::string& File::path() const { return shard(0).path; }

void File::forget_pages() const {
  for (const Shard& shard : contents_->shards) {
    if (shard.map) shard.map->forget_pages();
  }
}

}  // namespace kilter::gguf
