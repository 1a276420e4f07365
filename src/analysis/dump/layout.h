// Which axis of an array is which.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "analysis/dump/names/names.h"
#include "analysis/dump/raw_dump.h"

namespace kilter::analysis {

/// What an array is expected to be.
struct LayoutWish {
  At at{Point::token_embd, -1};
  std::vector<int64_t> row;  ///< extents of one row, {H, Hk}; a last 0 for the axis of positions; empty where
                             ///< no model is known
  int64_t n_tokens = 0;      ///< rows at most; 0 where nothing is known
  FirstAxis first = FirstAxis::tokens;
};

/// The array as a box of three axes, slowest first, each of which is a row, a head, or a column of a head.
struct Layout {
  enum Role : uint8_t { row, head, column };

  std::array<int64_t, 3> extents{1, 1, 1};
  std::array<Role, 3> roles{row, head, column};
  std::string remark;  ///< when the extents left a choice, or a shape was taken as a label

  int64_t extent(Role role) const;
  int64_t rows() const { return extent(row); }
  /// Of one row of the array: {heads, columns}, or {columns} when there is one head.
  std::vector<int64_t> row_shape() const;
};

/// Errors: mismatch, with the sentence why no reading of the shape fits; the subject is empty.
Result<Layout> find_layout(const RawValue& value, const LayoutWish& wish);

bool is_score_like(Point point);

}  // namespace kilter::analysis
