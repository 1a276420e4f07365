#include "observe/op_cost.h"

#include <algorithm>
#include <map>

namespace kilter {
namespace {

constexpr int64_t kFloatBytes = sizeof(float);

// Pairs of a row and a cached position that it sees.
int64_t visible_pairs(const Batch& batch) {
  int64_t pairs = 0;
  for (const int32_t position : batch.positions) pairs += int64_t{position} + 1;
  return pairs;
}

// Cached positions that the batch reads, those of one sequence once.
int64_t positions_read(const Batch& batch) {
  std::map<int32_t, int64_t> length;
  for (size_t t = 0; t < batch.positions.size(); ++t) {
    int64_t& seen = length[batch.sequences[t]];
    seen = std::max(seen, int64_t{batch.positions[t]} + 1);
  }
  int64_t sum = 0;
  for (const auto& [sequence, positions] : length) sum += positions;
  return sum;
}

int64_t weight_bytes(const OpCall& c) {
  if (c.weight == nullptr) return 0;
  const int64_t rows = c.op == "embed" ? static_cast<int64_t>(c.indices.size()) : c.weight->rows;
  return rows * c.weight->row_bytes();
}

int64_t cached_values(const OpCall& c) {
  return c.cache == nullptr ? 0 : positions_read(*c.batch) * c.cache->row_size();
}

int64_t values_moved(const OpCall& c) {
  int64_t values = c.made().elements();
  if (c.op == "take_rows") return 2 * values;
  if (c.x != nullptr) values += c.x->shape.elements();
  if (c.b != nullptr) values += c.b->shape.elements();
  return values + cached_values(c);
}

int64_t multiply_adds(const OpCall& c) {
  if (c.op == "matmul") return c.x->rows() * c.weight->rows * c.weight->cols;
  if (c.cache == nullptr) return 0;
  const int64_t n_head = c.x->shape[1];
  const int64_t width = c.cache->shape[2];
  return visible_pairs(*c.batch) * n_head * width;
}

}  // namespace

OpCost cost_of(const OpCall& c) {
  return {.weight_bytes = weight_bytes(c),
          .value_bytes = values_moved(c) * kFloatBytes,
          .multiply_adds = multiply_adds(c),
          .cached_values = cached_values(c)};
}

}  // namespace kilter
