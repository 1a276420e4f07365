#include "observe/trace_sink.h"

#include <algorithm>
#include <limits>

namespace kilter {
namespace {

/// What positions hold that a row may not see; nothing for values without an axis of positions.
std::optional<float> unseen(Point point) {
  if (point == Point::attn_scores) return -std::numeric_limits<float>::infinity();
  if (point == Point::attn_softmax) return 0.0F;
  return std::nullopt;
}

std::vector<int64_t> extents(const Shape& shape) {
  return {shape.extent.begin(), shape.extent.begin() + shape.rank};
}

/// Whether values of `shape` are rows of the planned tensor.
bool fits(const TensorSpec& spec, const Shape& shape, bool may_be_shorter) {
  if (static_cast<size_t>(shape.rank) != spec.shape.size() || shape.rank == 0) return false;
  for (int axis = 1; axis < shape.rank; ++axis) {
    const int64_t planned = spec.shape[static_cast<size_t>(axis)];
    const bool is_last = axis == shape.rank - 1;
    if (shape[axis] != planned && !(is_last && may_be_shorter && shape[axis] < planned)) return false;
  }
  return true;
}

}  // namespace

std::vector<TensorSpec> plan_trace(std::span<const ListedOp> ops, const NameFilter& filter) {
  std::vector<TensorSpec> specs;
  std::map<std::string, size_t> places;  // in specs
  for (const ListedOp& op : ops) {
    if (!filter.matches(op.at)) continue;
    const auto [place, is_new] = places.try_emplace(to_string(op.at), specs.size());
    if (is_new) {
      specs.push_back({place->first, ElementType::f32, extents(op.made)});
      continue;
    }
    std::vector<int64_t>& shape = specs[place->second].shape;
    shape.front() += op.made[0];
    if (unseen(op.at.point)) shape.back() = std::max(shape.back(), op.made[op.made.rank - 1]);
  }
  return specs;
}

void TraceSink::take(At at, const Shape& shape, std::span<const float> values) {
  status_ = write(at, shape, values);
}

Status TraceSink::write(At at, const Shape& shape, std::span<const float> values) {
  const TensorSpec& spec = *writer_.find(to_string(at));
  if (!fits(spec, shape, unseen(at.point).has_value())) {
    return Error{ErrorCode::mismatch, spec.name, "came as " + to_string(shape) + ", which was not planned",
                 ""};
  }
  if (values.empty()) return {};
  int64_t& rows = rows_[spec.name];
  const int64_t first_row = rows;
  rows += shape[0];
  if (shape[shape.rank - 1] == spec.shape.back()) {
    return writer_.write(spec.name, first_row * (shape.elements() / shape[0]), values);
  }
  return write_padded(spec, first_row, {shape, values}, *unseen(at.point));
}

Status TraceSink::write_padded(const TensorSpec& spec, int64_t first_row, const Passed& passed, float fill) {
  const auto [shape, values] = passed;
  const int64_t seen = shape[shape.rank - 1];
  const int64_t planned = spec.shape.back();
  const int64_t lines = shape.elements() / (shape[0] * seen);  // in a row: one a head
  padded_row_.assign(static_cast<size_t>(lines * planned), fill);
  for (int64_t t = 0; t < shape[0]; ++t) {
    for (int64_t line = 0; line < lines; ++line) {
      std::copy_n(values.begin() + (t * lines + line) * seen, seen, padded_row_.begin() + line * planned);
    }
    KILTER_TRY(writer_.write(spec.name, (first_row + t) * lines * planned, padded_row_));
  }
  return {};
}

}  // namespace kilter
