// A file under a temporary name, on the way to its final one.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "kilter/result.h"

namespace kilter {

/// What AtomicFile and ScatteredFile have in common: an open file beside the place where it shall finally be.
/// commit() brings it to the disk and gives it its name in one step, replacing what was there; without
/// commit() nothing is left behind.
class PartialFile {
 public:
  /// Makes the temporary file. Where `path` is a symbolic link to a file, the link stays and that file is
  /// replaced. Errors: io (with the system's reason), usage when `path` is empty, or is there and is not
  /// a regular file.
  static Result<PartialFile> create(const std::string& path);

  /// Open for writing until commit().
  int descriptor() const { return fd_; }

  /// Waits until the disk has it, and renames. At most once; the last call. Errors: io.
  Status commit();

  /// The system's reason (errno) why something went wrong: "cannot be written: No space left on device".
  Error failed(std::string_view what) const;

  PartialFile(PartialFile&& other) noexcept;
  PartialFile& operator=(PartialFile&& other) noexcept;
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile();

 private:
  explicit PartialFile(std::string path) : path_(std::move(path)) {}

  std::string path_;            // what the caller called it
  std::string target_;          // its place in the end
  std::string temporary_name_;  // empty once it has its final one
  int fd_ = -1;
};

}  // namespace kilter
