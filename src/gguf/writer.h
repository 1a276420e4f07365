// Writes GGUF files; tensor data streams through, so a model of any size needs little memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "gguf/byte_order.h"
#include "gguf/encode.h"
#include "gguf/file.h"
#include "gguf/metadata.h"
#include "kilter/result.h"
#include "tensor/dtype.h"

namespace kilter::gguf {

/// A tensor to be written.
struct TensorPlan {
  std::string name;
  DType type = DType::f32;
  std::vector<uint64_t> ne;  ///< extents, ne[0] fastest
};

/// How the file ends: padded to the alignment like everything before, or with the
/// last byte that says something.
enum class Tail { padded, bare };

struct WriteOptions {
  uint32_t version = 3;
  ByteOrder byte_order = ByteOrder::little;
  Tail tail = Tail::padded;
};

/// One file being written. The layout is the one that all common writers use and llama.cpp insists on: tensor
/// data in the order of the entries, each start rounded up to the alignment (metadata `general.alignment`, or
/// 32), zeros between. The file gets its name in finish(); a writer that is dropped before leaves nothing.
class Writer {
 public:
  /// Proves that the reader will accept what is asked for, and writes header and entries.
  /// Errors: usage (naming the key or tensor), io.
  static Result<Writer> create(const std::string& path, const Metadata& metadata,
                               std::span<const TensorPlan> tensors, WriteOptions options = {});

  /// Appends the next bytes of the tensors, in the order of the plan: whole blocks, little-endian, of one
  /// tensor. Errors: usage, when they are not; io.
  Status append(std::span<const std::byte> blocks);

  /// Errors: usage, when tensor data is missing; io.
  Status finish();

 private:
  /// What is left to write of one tensor.
  struct Pending {
    std::string name;
    DType type;
    uint64_t bytes_left;
  };

  Writer(AtomicFile file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  Status plan(std::span<const TensorPlan> tensors, std::vector<TensorEntry>& entries);
  Status pad();
  Status append_swapped(DType type, std::span<const std::byte> blocks);

  AtomicFile file_;
  std::string path_;
  WriteOptions options_;
  uint64_t alignment_ = 0;
  std::vector<Pending> pending_;
  size_t current_ = 0;
};

/// Writes one file of a model again, at `path`. When its tensors lie as the writer lays them, the answer is
/// the same file to the byte, whatever its version, byte order, alignment and tail; otherwise it holds the
/// same keys, values and tensors in that layout. Errors: as the writer's.
Status write_again(const File& file, size_t shard, const std::string& path);

}  // namespace kilter::gguf
