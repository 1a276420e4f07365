// What one array of a dump says of one value.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/dump/layout.h"
#include "analysis/dump/names/names.h"
#include "analysis/dump/raw_dump.h"

namespace kilter::analysis {

/// An array that was understood: where each of its elements belongs.
struct Part {
  RawValue value;
  At at{Point::token_embd, -1};
  std::string match;  ///< how it was recognised
  Layout layout;
  std::vector<int32_t> rows;  ///< of the run, one for each row of the array
  int64_t first = 0;          ///< elements of an array's row in front of this value's: fused arrays, pieces
  int64_t count = 0;          ///< elements of the array's row that are this value's
  int64_t to = 0;             ///< where they begin in the value's row: pieces
  int64_t head_pairs = 0;     ///< width of a head whose halves become its adjacent pairs; 0: nothing moves
  float scale = 1;            ///< scores that were written down before their scaling
};

/// How much a value needs.
struct ValueShape {
  At at{Point::token_embd, -1};
  std::vector<int32_t> rows;  ///< of the run, ascending
  std::vector<int64_t> row;   ///< extents of a row; the axis of positions has the run's length
  bool complete = false;
};

/// The elements of a value out of its parts.
/// Errors: those of load(); corrupt, when it gives fewer elements than announced; memory.
Result<Elements> gather(const std::vector<Part>& parts, const ValueShape& shape);

}  // namespace kilter::analysis
