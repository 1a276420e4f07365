// Files that are there whole, or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/partial_file.h"
#include "kilter/result.h"

namespace kilter {

/// A file that is written from front to back and has its name only when it is whole: a reader never meets
/// half a file, and a full disk or a lost connection costs no earlier result.
class AtomicFile {
 public:
  /// As PartialFile::create.
  static Result<AtomicFile> create(const std::string& path);

  /// Appends. Small pieces are gathered, so they may be of any size.
  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text);
  /// Appends `count` zero bytes.
  Status write_zeros(uint64_t count);

  /// Writes what is gathered, waits until the disk has it, and renames. At most once; the last call.
  Status commit();

  /// Bytes appended so far.
  uint64_t size() const { return size_; }

 private:
  explicit AtomicFile(PartialFile file) : file_(std::move(file)) {}
  Status flush();
  Status write_through(std::span<const std::byte> bytes);

  PartialFile file_;
  std::vector<std::byte> gathered_;
  uint64_t size_ = 0;
};

}  // namespace kilter
