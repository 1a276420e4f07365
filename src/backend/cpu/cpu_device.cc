#include "backend/cpu/cpu_device.h"

#include <algorithm>

#include "backend/cpu/host_memory.h"

namespace kilter::cpu {

Result<DeviceMemory> CpuDevice::allocate(int64_t floats) {
  KILTER_ASSIGN(HostMemory memory, HostMemory::create(floats * static_cast<int64_t>(sizeof(float))));
  return DeviceMemory(this, reinterpret_cast<float*>(memory.detach()), floats);
}

void CpuDevice::release(float* data, int64_t floats) {
  HostMemory::release(reinterpret_cast<std::byte*>(data), floats * static_cast<int64_t>(sizeof(float)));
}

void CpuDevice::read_back(const Tensor& from, std::span<float> to) {
  if (!failed()) std::copy_n(from.data, to.size(), to.begin());
}

Status CpuDevice::finish() { return std::exchange(status_, Status()); }

void CpuDevice::fail(Error error) {
  if (status_.ok()) status_ = std::move(error);
}

KvPool pool_of(const Tensor& pool, KvType type) {
  return {.data = reinterpret_cast<std::byte*>(pool.data),
          .type = type,
          .heads = pool.shape[1],
          .width = pool.shape[2]};
}

}  // namespace kilter::cpu
