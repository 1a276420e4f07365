// Files that are there whole, or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kilter/result.h"

namespace kilter {

/// A file being written under a temporary name in the folder of its final one. commit() brings it to the disk
/// and gives it its name in one step, replacing what was there; without commit() nothing is left behind. So a
/// reader never meets half a file, and a full disk or a lost connection costs no earlier result.
class AtomicFile {
 public:
  /// Opens the temporary file. A `path` that is a symbolic link keeps the link and replaces what it points
  /// at. Errors: io (with the system's reason), usage when `path` is there and is not a regular file.
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

  AtomicFile(AtomicFile&&) noexcept;
  AtomicFile& operator=(AtomicFile&&) noexcept;
  ~AtomicFile();

 private:
  /// The descriptor and the temporary name, which go together.
  struct Partial;
  AtomicFile(std::string path, std::unique_ptr<Partial> partial);
  Status flush();
  Status write_through(std::span<const std::byte> bytes);
  Error failed(std::string_view what) const;

  std::string path_;
  std::unique_ptr<Partial> partial_;
  std::vector<std::byte> gathered_;
  uint64_t size_ = 0;
};

}  // namespace kilter
