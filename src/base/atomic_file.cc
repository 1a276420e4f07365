#include "base/atomic_file.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace kilter {
namespace {

constexpr size_t kGather = size_t{1} << 18;

}  // namespace

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  KILTER_ASSIGN(PartialFile file, PartialFile::create(path));
  return AtomicFile(std::move(file));
}

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
    const ssize_t n = ::write(file_.descriptor(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_.failed("cannot be written");
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

Status AtomicFile::commit() {
  KILTER_TRY(flush());
  return file_.commit();
}

}  // namespace kilter
