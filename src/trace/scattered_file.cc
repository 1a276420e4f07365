#include "trace/scattered_file.h"

#include <unistd.h>

#include <cerrno>

namespace kilter {

Result<ScatteredFile> ScatteredFile::create(const std::string& path, uint64_t size) {
  KILTER_ASSIGN(PartialFile file, PartialFile::create(path));
  if (::ftruncate(file.descriptor(), static_cast<off_t>(size)) != 0) {
    return file.failed("cannot be given its size of " + std::to_string(size) + " bytes");
  }
  return ScatteredFile(std::move(file));
}

Status ScatteredFile::write(uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(file_.descriptor(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_.failed("cannot be written");
    offset += static_cast<uint64_t>(n);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

}  // namespace kilter
