// Host memory in large pieces: zeroed by the system as it is touched, in huge pages where it pays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kilter/result.h"

namespace kilter::cpu {

/// Whole pages, given back when it goes out of scope.
class HostMemory {
 public:
  HostMemory() = default;
  HostMemory(HostMemory&& other) noexcept { swap(other); }
  HostMemory& operator=(HostMemory&& other) noexcept {
    swap(other);
    return *this;
  }
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;
  ~HostMemory();

  /// `bytes` zeros, aligned to a page at least. Errors: memory, naming the size; an eighth of what the
  /// machine has free is left alone.
  static Result<HostMemory> create(int64_t bytes);

  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  /// The memory is somebody else's from now on, who gives it back with release().
  std::byte* detach() {
    bytes_ = 0;
    return std::exchange(data_, nullptr);
  }
  static void release(std::byte* data, int64_t bytes);

 private:
  void swap(HostMemory& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace kilter::cpu
