#include "base/partial_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

namespace kilter {
namespace {

/// Names tried before giving up; each is taken only if another process with this number died while writing.
constexpr int kMaxNames = 1000;

Error io_error(const std::string& path, std::string_view what, int number) {
  const bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
  return Error{ErrorCode::io, path, fmt::format("{}: {}", what, std::strerror(number)),
               full ? "free some space, or write to another disk" : ""};
}

/// Where the bytes shall finally be: `path`, or what the link of that name points at.
Result<std::string> final_place(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return path;
  if (!std::filesystem::is_regular_file(status)) {
    return Error{ErrorCode::usage, path,
                 "is there and is not a regular file, so it cannot be replaced by one",
                 "give the path of a file"};
  }
  const auto target = std::filesystem::canonical(path, error);
  if (error) return io_error(path, "cannot be resolved", error.value());
  return target.string();
}

}  // namespace

Result<PartialFile> PartialFile::create(const std::string& path) {
  if (path.empty()) return Error{ErrorCode::usage, "output", "its path is empty", "give the path of a file"};
  PartialFile file(path);
  KILTER_ASSIGN(file.target_, final_place(path));
  for (int i = 0; i < kMaxNames; ++i) {
    std::string name = fmt::format("{}.{}-{}.partial", file.target_, ::getpid(), i);
    file.fd_ = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file.fd_ >= 0) {
      file.temporary_name_ = std::move(name);
      return file;
    }
    if (errno != EEXIST) return file.failed("cannot be written");
  }
  return file.failed("no temporary name is free beside it");
}

PartialFile::PartialFile(PartialFile&& other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      temporary_name_(std::exchange(other.temporary_name_, {})),
      fd_(std::exchange(other.fd_, -1)) {}

PartialFile& PartialFile::operator=(PartialFile&& other) noexcept {
  PartialFile moved(std::move(other));  // takes what was here with it when it ends
  std::swap(path_, moved.path_);
  std::swap(target_, moved.target_);
  std::swap(temporary_name_, moved.temporary_name_);
  std::swap(fd_, moved.fd_);
  return *this;
}

PartialFile::~PartialFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_name_.empty()) ::unlink(temporary_name_.c_str());
}

Error PartialFile::failed(std::string_view what) const { return io_error(path_, what, errno); }

Status PartialFile::commit() {
  if (::fsync(fd_) != 0) return failed("cannot be brought to the disk");
  if (::close(std::exchange(fd_, -1)) != 0) return failed("cannot be closed");
  if (::rename(temporary_name_.c_str(), target_.c_str()) != 0) return failed("cannot be given its name");
  temporary_name_.clear();
  // The name is an entry of the folder, which has to reach the disk too. Some file systems refuse to be
  // asked; the file is whole all the same.
  const std::string folder = std::filesystem::absolute(target_).parent_path().string();
  if (const int folder_fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); folder_fd >= 0) {
    ::fsync(folder_fd);
    ::close(folder_fd);
  }
  return {};
}

}  // namespace kilter
