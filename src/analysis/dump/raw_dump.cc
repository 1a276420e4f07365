#include "analysis/dump/raw_dump.h"

#include <algorithm>

#include "base/checked.h"

namespace kilter::analysis {

std::optional<int64_t> checked_elements(const std::vector<int64_t>& shape) {
  constexpr uint64_t kMost = uint64_t{1} << 62;
  // An axis of no elements makes the product 0, whatever the others are.
  if (std::any_of(shape.begin(), shape.end(), [](int64_t n) { return n < 0; })) return std::nullopt;
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  uint64_t product = 1;
  for (const int64_t extent : shape) {
    const auto next = checked_mul(product, static_cast<uint64_t>(extent));
    if (!next || *next > kMost) return std::nullopt;
    product = *next;
  }
  return static_cast<int64_t>(product);
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t extent : shape) text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + text + "]";
}

}  // namespace kilter::analysis
