#include "backend/reference/host_device.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <new>
#include <string>

#include "base/free_memory.h"

namespace kilter::reference {

namespace {

constexpr std::align_val_t kAlignment{64};

constexpr size_t kBytesOfElement = sizeof(float) + sizeof(double);

// An eighth of what is free is left to the rest of the program and to the machine: who takes all of it is
// ended by the next one who asks.
constexpr uint64_t kShareLeft = 8;

Error refused(size_t count, const std::string& why) {
  constexpr size_t kMost = std::numeric_limits<size_t>::max() / kBytesOfElement;
  const std::string bytes = std::to_string(std::min(count, kMost) * kBytesOfElement);
  return {ErrorCode::memory, "host memory",
          (count > kMost ? "more than " : "") + bytes + " bytes were asked for, and " + why,
          "use a smaller context (--ctx), fewer tokens a pass (--chunk) or a smaller model"};
}

}  // namespace

Result<DeviceMemory> HostDevice::allocate(int64_t floats) {
  if (floats <= 0) return DeviceMemory();
  const size_t count = static_cast<size_t>(floats);
  if (const auto free = free_memory()) {
    const uint64_t usable = *free - *free / kShareLeft;
    if (count > usable / kBytesOfElement) {
      return refused(count, "only " + std::to_string(usable) + " are free for them");
    }
  }
  void* memory = nullptr;
  Piece piece{floats, nullptr};
  if (count <= std::numeric_limits<size_t>::max() / kBytesOfElement) {
    piece.wide.reset(new (std::nothrow) double[count]());
    if (piece.wide != nullptr) memory = ::operator new(count * sizeof(float), kAlignment, std::nothrow);
  }
  if (memory == nullptr) return refused(count, "the system refused them");
  float* data = static_cast<float*>(memory);
  std::fill_n(data, count, 0.0F);
  const std::lock_guard locked(lock_);
  pieces_.emplace(data, std::move(piece));
  return DeviceMemory(this, data, floats);
}

void HostDevice::release(float* data, int64_t) {
  {
    const std::lock_guard locked(lock_);
    pieces_.erase(data);
  }
  ::operator delete(data, kAlignment);
}

void HostDevice::read_back(const Tensor& from, std::span<float> to) {
  std::copy_n(from.data, to.size(), to.begin());
}

WideTensor HostDevice::wide(const Tensor& tensor) const {
  const std::lock_guard locked(lock_);
  auto piece = pieces_.upper_bound(tensor.data);
  if (piece == pieces_.begin()) return {tensor, nullptr};
  --piece;
  // Both ends are compared, and not subtracted: other memory has no distance from this piece.
  const std::less<const float*> before;
  const float* end = piece->first + piece->second.floats;
  if (!before(tensor.data, end)) return {tensor, nullptr};
  return {tensor, piece->second.wide.get() + (tensor.data - piece->first)};
}

}  // namespace kilter::reference
