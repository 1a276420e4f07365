#include <algorithm>

#include "ops/device.h"

namespace kilter {

Status Workspace::reserve(Device& device, int64_t floats) {
  if (floats <= memory_.floats()) return {};
  memory_ = DeviceMemory();
  KILTER_ASSIGN(memory_, device.allocate(floats));
  return {};
}

Tensor Workspace::take(Shape shape) {
  constexpr int64_t kLine = 16;  // floats in 64 bytes: tensors do not share cache lines
  const int64_t floats = (shape.elements() + kLine - 1) / kLine * kLine;
  const int64_t begin = used_;
  used_ += floats;
  peak_ = std::max(peak_, used_);
  return {memory_.data() != nullptr && used_ <= memory_.floats() ? memory_.data() + begin : nullptr, shape};
}

}  // namespace kilter
