// Where the values of the CPU backend live.
#pragma once

#include "backend/cpu/kernel_table.h"
#include "ops/device.h"

namespace kilter::cpu {

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(KvType kv) : kv_(kv) {}

  Result<DeviceMemory> allocate(int64_t floats) override;
  void read_back(const Tensor& from, std::span<float> to) override;
  int64_t kv_value_bytes() const override { return kv_ == KvType::f16 ? 2 : 4; }
  Status finish() override;

  KvType kv_type() const { return kv_; }
  /// Keeps the first error for finish().
  void fail(Error error);
  bool failed() const { return !status_.ok(); }

 private:
  void release(float* data, int64_t floats) override;

  KvType kv_;
  Status status_;
};

/// A pool of the cache as kernels see it.
KvPool pool_of(const Tensor& pool, KvType type);

}  // namespace kilter::cpu
