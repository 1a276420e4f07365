// A file seen as bytes, without copying it into memory.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "kilter/result.h"

namespace kilter {

/// A read-only private mapping of a whole file. Movable, not copyable; the bytes live as long as the object.
class FileMap {
 public:
  /// Errors: not_found, io (with the system's reason), unsupported for a folder or another thing that is no
  /// file. An empty file maps to an empty span.
  static Result<FileMap> open(const std::string& path);

  FileMap(FileMap&& other) noexcept;
  FileMap& operator=(FileMap&& other) noexcept;
  FileMap(const FileMap&) = delete;
  FileMap& operator=(const FileMap&) = delete;
  ~FileMap();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// Tells the system that the pages in memory will hardly be read again: they stop counting as this
  /// process's. Bytes that are read later come from the file again.
  void forget_pages() const;
  const std::string& path() const { return path_; }

 private:
  FileMap(std::string path, const std::byte* data, size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}

  std::string path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace kilter
