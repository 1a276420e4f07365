#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>
#include <string>

#include "backend/reference/reference_ops.h"
#include "base/free_memory.h"

namespace kilter::reference {

namespace {

constexpr std::align_val_t kAlignment{64};

// An eighth of what is free is left to the rest of the program and to the machine: who takes all of it is
// ended by the next one who asks.
constexpr uint64_t kShareLeft = 8;

Error refused(size_t count, const std::string& why) {
  return {ErrorCode::memory, "host memory",
          std::to_string(count * sizeof(float)) + " bytes were asked for, and " + why,
          "use a smaller context (--ctx), fewer tokens a pass (--chunk) or a smaller model"};
}

}  // namespace

Result<DeviceMemory> HostDevice::allocate(int64_t floats) {
  if (floats <= 0) return DeviceMemory();
  const size_t count = static_cast<size_t>(floats);
  if (const auto free = free_memory()) {
    const uint64_t usable = *free - *free / kShareLeft;
    if (count > usable / sizeof(float)) {
      return refused(count, "only " + std::to_string(usable) + " are free for them");
    }
  }
  void* memory = nullptr;
  if (count <= std::numeric_limits<size_t>::max() / sizeof(float)) {
    memory = ::operator new(count * sizeof(float), kAlignment, std::nothrow);
  }
  if (memory == nullptr) return refused(count, "the system refused them");
  float* data = static_cast<float*>(memory);
  std::fill_n(data, count, 0.0F);
  return DeviceMemory(this, data, floats);
}

void HostDevice::release(float* data, int64_t) { ::operator delete(data, kAlignment); }

void HostDevice::read_back(const Tensor& from, std::span<float> to) {
  std::copy_n(from.data, to.size(), to.begin());
}

}  // namespace kilter::reference
