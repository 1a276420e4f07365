// A file whose bytes arrive in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "kilter/result.h"

namespace kilter {

/// A file of known size, written in any order under a temporary name in the folder of its final one. commit()
/// gives it its name in one step, replacing what was there; without commit() nothing is left behind.
/// (AtomicFile is for files that are written from front to back.)
class ScatteredFile {
 public:
  /// Errors: io, with the system's reason; usage when `path` is there and is not a regular file.
  static Result<ScatteredFile> create(const std::string& path, uint64_t size);

  /// Puts `bytes` at `offset`; both lie inside the size. What is never written is zero.
  /// Errors: io.
  Status write(uint64_t offset, std::span<const std::byte> bytes);

  /// Waits until the disk has it all, and renames. At most once; the last call. Errors: io.
  Status commit();

  ScatteredFile(ScatteredFile&&) noexcept;
  ScatteredFile& operator=(ScatteredFile&&) noexcept;
  ~ScatteredFile();

 private:
  /// The descriptor and the names, which go together.
  struct Partial;
  explicit ScatteredFile(std::unique_ptr<Partial> partial);
  std::unique_ptr<Partial> partial_;
};

}  // namespace kilter
