#include "cli/pull/part_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/pull/sha256.h"
#include "cli/units.h"

namespace kilter::cli {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;
constexpr mode_t kMode = 0666;  // the person's umask takes away what is too much

std::string reason() { return std::generic_category().message(errno); }

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

PartFile::PartFile(std::string destination, std::string path, int descriptor, uint64_t size)
    : destination_(std::move(destination)), path_(std::move(path)), descriptor_(descriptor), size_(size) {}

PartFile::PartFile(PartFile&& other) noexcept
    : PartFile(std::move(other.destination_), std::move(other.path_), std::exchange(other.descriptor_, -1),
               other.size_) {}

PartFile& PartFile::operator=(PartFile&& other) noexcept {
  std::swap(destination_, other.destination_);
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

PartFile::~PartFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<PartFile> PartFile::open(const std::string& destination, const std::string& tag) {
  const std::string path = fmt::format("{}.{}.part", destination, tag);
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_APPEND, kMode);
  if (descriptor < 0)
    return Error{ErrorCode::io, path, "cannot be opened: " + reason(), "is the folder writable?"};
  PartFile file(destination, path, descriptor, 0);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return Error{ErrorCode::io, path, "another process is fetching this file", "wait for it, or end it"};
  }
  struct stat status = {};
  if (fstat(descriptor, &status) != 0) return file.failed("read");
  file.size_ = static_cast<uint64_t>(status.st_size);
  return file;
}

Error PartFile::failed(std::string_view action) const {
  const bool full = errno == ENOSPC || errno == EDQUOT;
  return {ErrorCode::io, path_, fmt::format("cannot be {}: {}", action, reason()),
          full ? "make room; the same command goes on from there" : ""};
}

Status PartFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("written");
    bytes.remove_prefix(static_cast<size_t>(written));
    size_ += static_cast<uint64_t>(written);
  }
  return {};
}

Status PartFile::clear() {
  if (ftruncate(descriptor_, 0) != 0) return failed("emptied");
  size_ = 0;
  return {};
}

Result<std::string> PartFile::sha256() const {
  Progress progress("checking", size_, ProgressUnit::bytes);
  Sha256 hash;
  std::vector<char> piece(kReadBytes);
  for (uint64_t at = 0; at < size_;) {
    if (interrupted()) return interrupted_error();
    const ssize_t count = pread(descriptor_, piece.data(), piece.size(), static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("read");
    if (count == 0) break;
    hash.update({piece.data(), static_cast<size_t>(count)});
    at += static_cast<uint64_t>(count);
    progress.update(at);
  }
  return hash.hex();
}

Status PartFile::check_room(uint64_t bytes) const {
  struct statvfs disk = {};
  if (fstatvfs(descriptor_, &disk) != 0) return {};  // unknown: the write will tell
  const uint64_t free = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (free >= bytes) return {};
  return Error{
      ErrorCode::io, folder_of(path_),
      fmt::format("the disk has room for {}, and {} are still to come", bytes_text(free), bytes_text(bytes)),
      "make room, or choose another folder with -o"};
}

Status PartFile::rename_to(const std::string& name) {
  if (std::rename(path_.c_str(), name.c_str()) != 0) return failed("renamed");
  path_ = name;
  return {};
}

Status PartFile::commit() {
  if (fsync(descriptor_) != 0) return failed("brought to the disk");
  KILTER_TRY(rename_to(destination_));
  const int folder = ::open(folder_of(destination_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    fsync(folder);  // makes the name last too; the content is safe without it
    close(folder);
  }
  return {};
}

Result<std::string> PartFile::set_aside() {
  KILTER_TRY(rename_to(destination_ + ".bad"));
  return path_;
}

}  // namespace kilter::cli
