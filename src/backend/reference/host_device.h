// Host memory: f32 for everybody, and behind the seam the f64 form of each.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>

#include "backend/reference/wide_tensor.h"
#include "ops/device.h"

namespace kilter::reference {

/// Each piece of memory is `floats` f32 and as many f64: 12 bytes an element. Sessions that share a backend
/// may give memory back while another computes, so the table of pieces is locked.
class HostDevice final : public Device {
 public:
  Result<DeviceMemory> allocate(int64_t floats) override;
  /// The f32 values: the wide forms, each rounded once.
  void read_back(const Tensor& from, std::span<float> to) override;
  Status finish() override { return {}; }

  /// The tensor with its wide forms when it lies in this memory, and without them anywhere else.
  WideTensor wide(const Tensor& tensor) const;

 private:
  struct Piece {
    int64_t floats = 0;
    std::unique_ptr<double[]> wide;
  };

  void release(float* data, int64_t floats) override;

  mutable std::mutex lock_;
  std::map<const float*, Piece> pieces_;  // by their first element
};

}  // namespace kilter::reference
