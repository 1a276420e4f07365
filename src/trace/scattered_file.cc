#include "trace/scattered_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

namespace kilter {
namespace {

/// Names tried before giving up; each is taken only if another process with this number died while writing.
constexpr int kMaxNames = 1000;

}  // namespace

struct ScatteredFile::Partial {
  std::string path;  // what the user called it
  std::filesystem::path target;
  std::string name;  // the temporary one
  int fd = -1;

  Error failed(std::string_view what) const {
    const int number = errno;
    const bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
    return Error{ErrorCode::io, path, std::string(what) + ": " + std::strerror(number),
                 full ? "free some space, write to another disk, or record fewer values" : ""};
  }

  ~Partial() {
    if (fd >= 0) ::close(fd);
    if (!name.empty()) ::unlink(name.c_str());
  }
};

ScatteredFile::ScatteredFile(std::unique_ptr<Partial> partial) : partial_(std::move(partial)) {}
ScatteredFile::ScatteredFile(ScatteredFile&&) noexcept = default;
ScatteredFile& ScatteredFile::operator=(ScatteredFile&&) noexcept = default;
ScatteredFile::~ScatteredFile() = default;

Result<ScatteredFile> ScatteredFile::create(const std::string& path, uint64_t size) {
  auto partial = std::make_unique<Partial>();
  partial->path = path;
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return Error{ErrorCode::usage, path,
                 "is there and is not a regular file, so it cannot be replaced by one",
                 "give the path of a file"};
  }
  // A symbolic link stays, and what it points at is replaced.
  partial->target = std::filesystem::weakly_canonical(path, error);
  if (error) partial->target = path;

  for (int i = 0; i < kMaxNames && partial->fd < 0; ++i) {
    std::string name =
        partial->target.string() + "." + std::to_string(::getpid()) + "-" + std::to_string(i) + ".partial";
    partial->fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (partial->fd >= 0) {
      partial->name = std::move(name);
    } else if (errno != EEXIST) {
      break;
    }
  }
  if (partial->fd < 0) return partial->failed("cannot be written");
  if (::ftruncate(partial->fd, static_cast<off_t>(size)) != 0) {
    return partial->failed("cannot be given its size of " + std::to_string(size) + " bytes");
  }
  return ScatteredFile(std::move(partial));
}

Status ScatteredFile::write(uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(partial_->fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return partial_->failed("cannot be written");
    offset += static_cast<uint64_t>(n);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

Status ScatteredFile::commit() {
  if (::fsync(partial_->fd) != 0) return partial_->failed("cannot be brought to the disk");
  if (::close(std::exchange(partial_->fd, -1)) != 0) return partial_->failed("cannot be closed");
  if (::rename(partial_->name.c_str(), partial_->target.c_str()) != 0) {
    return partial_->failed("cannot be given its name");
  }
  partial_->name.clear();
  return {};
}

}  // namespace kilter
