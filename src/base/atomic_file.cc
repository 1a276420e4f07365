#include "base/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

namespace kilter {
namespace {

constexpr size_t kGather = size_t{1} << 18;
/// Names tried before giving up; each is taken only if another process with this number died while writing.
constexpr int kMaxNames = 1000;

Error io_error(const std::string& path, std::string_view what, int number) {
  const bool full = number == ENOSPC || number == EDQUOT;
  return Error{ErrorCode::io, path, fmt::format("{}: {}", what, std::strerror(number)),
               full ? "free some space, or write to another disk" : ""};
}

/// Where the bytes shall finally be: `path`, or what the link of that name points at.
Result<std::filesystem::path> final_place(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return std::filesystem::path(path);
  if (!std::filesystem::is_regular_file(status)) {
    return Error{ErrorCode::usage, path,
                 "is there and is not a regular file, so it cannot be replaced by one",
                 "give the path of a file"};
  }
  const auto target = std::filesystem::canonical(path, error);
  if (error) return io_error(path, "cannot be resolved", error.value());
  return target;
}

}  // namespace

struct AtomicFile::Partial {
  std::filesystem::path target;
  std::string name;
  int fd = -1;

  ~Partial() {
    if (fd >= 0) ::close(fd);
    if (!name.empty()) ::unlink(name.c_str());
  }
};

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  auto partial = std::make_unique<Partial>();
  KILTER_ASSIGN(partial->target, final_place(path));
  for (int i = 0; i < kMaxNames && partial->fd < 0; ++i) {
    const std::string name = fmt::format("{}.{}-{}.partial", partial->target.string(), ::getpid(), i);
    partial->fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (partial->fd >= 0) {
      partial->name = name;
    } else if (errno != EEXIST) {
      return io_error(path, "cannot be written", errno);
    }
  }
  if (partial->fd < 0) return io_error(path, "no temporary name is free beside it", EEXIST);
  return AtomicFile(path, std::move(partial));
}

AtomicFile::AtomicFile(std::string path, std::unique_ptr<Partial> partial)
    : path_(std::move(path)), partial_(std::move(partial)) {}
AtomicFile::AtomicFile(AtomicFile&&) noexcept = default;
AtomicFile& AtomicFile::operator=(AtomicFile&&) noexcept = default;
AtomicFile::~AtomicFile() = default;

Error AtomicFile::failed(std::string_view what) const { return io_error(path_, what, errno); }

Status AtomicFile::write(std::string_view text) { return write(std::as_bytes(std::span(text))); }

Status AtomicFile::write(std::span<const std::byte> bytes) {
  size_ += bytes.size();
  if (gathered_.size() + bytes.size() < kGather) {
    gathered_.insert(gathered_.end(), bytes.begin(), bytes.end());
    return {};
  }
  KILTER_TRY(flush());
  return write_through(bytes);
}

Status AtomicFile::write_zeros(uint64_t count) {
  static constexpr std::array<std::byte, 4096> kZeros{};
  while (count > 0) {
    const uint64_t n = std::min<uint64_t>(count, kZeros.size());
    KILTER_TRY(write(std::span(kZeros).first(n)));
    count -= n;
  }
  return {};
}

Status AtomicFile::flush() {
  KILTER_TRY(write_through(gathered_));
  gathered_.clear();
  return {};
}

Status AtomicFile::write_through(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(partial_->fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("cannot be written");
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

Status AtomicFile::commit() {
  KILTER_TRY(flush());
  if (::fsync(partial_->fd) != 0) return failed("cannot be brought to the disk");
  if (::close(std::exchange(partial_->fd, -1)) != 0) return failed("cannot be closed");
  if (::rename(partial_->name.c_str(), partial_->target.c_str()) != 0)
    return failed("cannot be given its name");
  partial_->name.clear();
  // The name is an entry of the folder, which has to reach the disk too. Some file systems refuse to be
  // asked; the file is whole all the same.
  const std::string folder = std::filesystem::absolute(partial_->target).parent_path().string();
  if (const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); fd >= 0) {
    ::fsync(fd);
    ::close(fd);
  }
  return {};
}

}  // namespace kilter
