// A value as the reference computes with it: numbers in f64, each beside the f32 that stands at the seam.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "tensor/tensor.h"

namespace kilter::reference {

/// Reads and writes the elements of a tensor in f64. An element whose f32 is the rounding of its wide form is
/// the wide form; any other was written by somebody who knows only the f32, and is that f32. Without wide
/// forms (`wide` null) this is the tensor alone. Owns nothing.
class WideTensor {
 public:
  /// `wide`: null, or as many numbers as `tensor` has elements.
  WideTensor(const Tensor& tensor, double* wide)
      : seen_(tensor.data), wide_(wide), elements_(tensor.shape.elements()) {}

  int64_t elements() const { return elements_; }

  double get(int64_t i) const {
    const float seen = seen_[i];
    if (wide_ == nullptr) return seen;
    const auto rounded = static_cast<float>(wide_[i]);
    return std::bit_cast<uint32_t>(rounded) == std::bit_cast<uint32_t>(seen) ? wide_[i] : seen;
  }

  /// Rounds once for those who read f32. What f32 cannot hold is infinite in both forms: nobody computes on
  /// with a number that the seam does not show.
  void set(int64_t i, double value) const {
    seen_[i] = static_cast<float>(value);
    if (wide_ != nullptr) wide_[i] = std::isinf(seen_[i]) ? double{seen_[i]} : value;
  }

 private:
  float* seen_;
  double* wide_;
  int64_t elements_;
};

}  // namespace kilter::reference
