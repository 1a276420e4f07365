// The arithmetic contract of the CPU backend's matrix products, written from the blocks of the file: no
// packing, no panels, nothing shared with the kernels but the decoder of quant/.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace kilter::cpu {

/// One row of activations as the contract's digits.
struct DefinedRow {
  std::vector<float> scale;                  ///< per block of 256
  std::vector<std::vector<int32_t>> digits;  ///< [plane][k]
};

DefinedRow defined_quantised(const float* x, int64_t n, int planes);

/// One element of the integer product: row `row` of `weight` with `x`.
float defined_product(const Weight& weight, int64_t row, const DefinedRow& x);

/// One element of the f32 product.
float defined_f32_product(const Weight& weight, int64_t row, const float* x);

}  // namespace kilter::cpu
