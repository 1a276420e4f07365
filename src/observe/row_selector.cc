#include "observe/row_selector.h"

#include <algorithm>

namespace kilter {

void RowSelector::take(At at, const Shape& shape, std::span<const float> values) {
  if (shape[0] == 0) return;
  int64_t& seen = seen_[at];
  const int64_t begin = seen;
  seen += shape[0];
  const auto width = static_cast<size_t>(shape.elements() / shape[0]);
  chosen_.clear();
  Shape chosen_shape = shape;
  chosen_shape.extent[0] = 0;
  for (auto row = std::lower_bound(rows_.begin(), rows_.end(), begin); row != rows_.end() && *row < seen;
       ++row) {
    const auto from = values.subspan(static_cast<size_t>(*row - begin) * width, width);
    chosen_.insert(chosen_.end(), from.begin(), from.end());
    ++chosen_shape.extent[0];
  }
  if (chosen_shape[0] != 0) to_.take(at, chosen_shape, chosen_);
}

}  // namespace kilter
