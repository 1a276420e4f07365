// A GGUF model as the rest of kilter sees it: metadata and tensors, everything already validated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/byte_order.h"
#include "gguf/metadata.h"
#include "kilter/result.h"
#include "tensor/dtype.h"

namespace kilter::gguf {

/// One tensor of a file.
struct TensorInfo {
  std::string name;
  DType type = DType::f32;
  std::vector<uint64_t> ne;  ///< extents as the format writes them: ne[0] is the fastest axis; 1 to 4 of them
  uint64_t offset = 0;       ///< from the start of its file's data section
  uint32_t shard = 0;        ///< which file of a split model holds it
  std::span<const std::byte> bytes;  ///< its blocks, little-endian; they live as long as the File

  /// ne[axis], or 1 past the last axis.
  uint64_t extent(size_t axis) const { return axis < ne.size() ? ne[axis] : 1; }
  /// Product of all extents; proved to fit when the file was read.
  uint64_t elements() const;
};

/// One file of a model, for those who write it again or report on it.
struct ShardInfo {
  std::string path;
  uint32_t version = 0;
  ByteOrder byte_order = ByteOrder::little;
  uint64_t alignment = 0;
  uint64_t header_bytes = 0;  ///< where metadata and tensor entries end
  uint64_t data_offset = 0;   ///< where the data section starts: header_bytes rounded up to the alignment
  uint64_t file_bytes = 0;
  Metadata metadata;
};

/// A model: one file, or all files of a split one.
/// Nothing a file says is believed: counts, lengths, offsets, alignment, overlaps, names and UTF-8
/// are proved by open(), so that whoever holds a File may index without checks.
/// Source: ggml/docs/gguf.md, versions 2 and 3.
class File {
 public:
  /// Maps `path` and validates it. For a split model any of its files may be named; the others are
  /// found beside it. Errors: not_found, io, corrupt (naming the key, tensor or byte offset),
  /// unsupported (version 1, unknown type).
  static Result<File> open(const std::string& path);

  /// The same for bytes in memory, which must outlive the File. `name` is what
  /// errors call it. No split files.
  static Result<File> parse(std::span<const std::byte> bytes, std::string name);

  /// Of a split model: the keys of its first file, which has them all.
  const Metadata& metadata() const;
  /// In the order of the file; of a split model, file after file.
  std::span<const TensorInfo> tensors() const;
  /// The tensor called `name`, or null.
  const TensorInfo* find(std::string_view name) const;

  uint32_t version() const;
  ByteOrder byte_order() const;
  uint64_t alignment() const;
  /// Bytes of all files together.
  uint64_t file_bytes() const;
  size_t shard_count() const;
  /// `index` from 0, in the order of the split.
  const ShardInfo& shard(size_t index) const;
  const std::string& path() const;

  /// For whoever has made a copy of the tensors: FileMap::forget_pages() of all files.
  void forget_pages() const;

  File(File&&) noexcept;
  File& operator=(File&&) noexcept;
  ~File();

 private:
  struct Contents;
  explicit File(std::unique_ptr<Contents> contents);
  std::unique_ptr<Contents> contents_;
};

}  // namespace kilter::gguf
