#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>

#include "backend/reference/reference_ops.h"

namespace kilter::reference {

namespace {
constexpr std::align_val_t kAlignment{64};
}

Result<DeviceMemory> HostDevice::allocate(int64_t floats) {
  if (floats <= 0) return DeviceMemory();
  const size_t count = static_cast<size_t>(floats);
  void* memory = nullptr;
  if (count <= std::numeric_limits<size_t>::max() / sizeof(float)) {
    memory = ::operator new(count * sizeof(float), kAlignment, std::nothrow);
  }
  if (memory == nullptr) {
    return Error{ErrorCode::memory, "host memory",
                 "the system refused " + std::to_string(floats) + " values of 4 bytes",
                 "use a smaller context (--ctx) or a smaller model"};
  }
  float* data = static_cast<float*>(memory);
  std::fill_n(data, count, 0.0F);
  return DeviceMemory(this, data, floats);
}

void HostDevice::release(float* data, int64_t) { ::operator delete(data, kAlignment); }

void HostDevice::read_back(const Tensor& from, std::span<float> to) {
  std::copy_n(from.data, to.size(), to.begin());
}

}  // namespace kilter::reference
