// A download that is not complete yet.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kilter/result.h"

namespace kilter::cli {

/// The file `DESTINATION.TAG.part`. It survives a broken connection and the end of the program, so that the
/// next pull goes on where this one ended; it gets its final name only when it is complete and checked. One
/// process at a time has it.
class PartFile {
 public:
  /// Opens or makes it. `tag` names the content (not the place): another content is another part file.
  /// Errors: io (with the system's reason, or because another process is fetching the same file).
  static Result<PartFile> open(const std::string& destination, const std::string& tag);

  uint64_t size() const { return size_; }
  /// Errors: io, for example when the disk is full.
  Status append(std::string_view bytes);
  /// Starts over.
  Status clear();

  /// SHA-256 of all of it, in hexadecimal. Errors: io, interrupted.
  Result<std::string> sha256() const;

  /// Proves that the disk has room for `bytes` more. Errors: io.
  Status check_room(uint64_t bytes) const;

  /// Brings it to the disk under its final name, replacing what was there.
  Status commit();
  /// Renames it to `DESTINATION.bad`, and returns that path.
  Result<std::string> set_aside();

  const std::string& path() const { return path_; }

  PartFile(PartFile&& other) noexcept;
  PartFile& operator=(PartFile&& other) noexcept;
  ~PartFile();

 private:
  PartFile(std::string destination, std::string path, int descriptor, uint64_t size);
  Error failed(std::string_view action) const;
  Status rename_to(const std::string& name);

  std::string destination_;
  std::string path_;
  int descriptor_;
  uint64_t size_;
};

}  // namespace kilter::cli
