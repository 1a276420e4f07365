// The reference backend's own reading of the block formats, in f64. It shares no
// code with quant/, which it judges.
#pragma once

#include <cstddef>
#include <span>

#include "tensor/tensor.h"

namespace kilter::reference {

/// Decodes one row of a weight.
///   out[i] = the number the format defines for element i; exact in f64, but for I64 beyond 2^53
/// Shapes   out: [w.cols].   row in [0, w.rows).
/// Source   the block structs of ggml-common.h; see decode_block.cc for the format of each type.
void decode_row(const Weight& w, int64_t row, std::span<double> out);

}  // namespace kilter::reference
