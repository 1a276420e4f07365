// Memory that a backend computes in: the only way in and out of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "kilter/result.h"
#include "tensor/tensor.h"

namespace kilter {

class Device;

/// Memory of a device, given back when it goes out of scope. It must not outlive its device.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(Device* device, float* data, int64_t floats) : device_(device), data_(data), floats_(floats) {}
  DeviceMemory(DeviceMemory&& other) noexcept { swap(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    swap(other);
    return *this;
  }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory();

  /// Null on a device that computes nothing, and for 0 floats.
  float* data() const { return data_; }
  int64_t floats() const { return floats_; }

 private:
  void swap(DeviceMemory& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(floats_, other.floats_);
  }
  Device* device_ = nullptr;
  float* data_ = nullptr;
  int64_t floats_ = 0;
};

/// A place where ops compute. Errors of the ops themselves are sticky: they are kept, later ops do nothing,
/// and finish() hands the first one out.
class Device {
 public:
  virtual ~Device() = default;

  /// `floats` zeroed f32, aligned to 64 bytes. Errors: memory, naming the size in bytes.
  virtual Result<DeviceMemory> allocate(int64_t floats) = 0;

  /// Bytes that one number takes in a pool of the cache (kv.h): 4 for f32, 2 for f16.
  virtual int64_t kv_value_bytes() const { return 4; }

  /// Copies a value to the host: to.size() == from.shape.elements(). Waits for the ops that make it.
  virtual void read_back(const Tensor& from, std::span<float> to) = 0;

  /// Waits for all ops, and returns the first error since the last call.
  virtual Status finish() = 0;

 private:
  friend class DeviceMemory;
  virtual void release(float* data, int64_t floats) = 0;
};

inline DeviceMemory::~DeviceMemory() {
  if (data_ != nullptr) device_->release(data_, floats_);
}

/// Scratch memory of one pass, taken in order and given back in reverse: the values inside a stage live here.
/// reserve() is called once, with the peak() that the same pass showed on a workspace without memory.
class Workspace {
 public:
  /// Errors: memory.
  Status reserve(Device& device, int64_t floats);

  /// A tensor of `shape`, uninitialised. Its data is null where nothing was reserved, or too little.
  Tensor take(Shape shape);

  /// The most that was in use at once, in floats.
  int64_t peak() const { return peak_; }

  /// Everything taken during its life is given back at its end.
  class Scope {
   public:
    explicit Scope(Workspace& workspace) : workspace_(workspace), mark_(workspace.used_) {}
    ~Scope() { workspace_.used_ = mark_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Workspace& workspace_;
    int64_t mark_;
  };

 private:
  DeviceMemory memory_;
  int64_t used_ = 0;
  int64_t peak_ = 0;
};

}  // namespace kilter
