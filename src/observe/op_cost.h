// What one op call must move and multiply, whatever the backend.
#pragma once

#include <cstdint>

#include "observe/op_call.h"

namespace kilter {

/// The least that the call needs when nothing is kept from earlier calls.
struct OpCost {
  /// Of the weight, as the file stores it; of embed's table only the rows it takes.
  int64_t weight_bytes = 0;
  /// Of f32 operands and result; of the cache the visible positions, once a sequence.
  int64_t value_bytes = 0;
  /// Of matmul and attention; the other ops wait for memory, and count none.
  int64_t multiply_adds = 0;
  /// Numbers of the cache that are read: their part of value_bytes.
  int64_t cached_values = 0;
};

OpCost cost_of(const OpCall& c);

}  // namespace kilter
