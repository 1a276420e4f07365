// A file whose bytes arrive in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/partial_file.h"
#include "kilter/result.h"

namespace kilter {

/// A file of known size that is written in any order, and has its name only when it is whole. (AtomicFile is
/// for files that are written from front to back.)
class ScatteredFile {
 public:
  /// Errors: those of PartialFile::create; io when the disk refuses the size.
  static Result<ScatteredFile> create(const std::string& path, uint64_t size);

  /// Puts `bytes` at `offset`; both lie inside the size. What is never written is zero.
  /// Errors: io.
  Status write(uint64_t offset, std::span<const std::byte> bytes);

  /// As PartialFile::commit.
  Status commit() { return file_.commit(); }

 private:
  explicit ScatteredFile(PartialFile file) : file_(std::move(file)) {}

  PartialFile file_;
};

}  // namespace kilter
