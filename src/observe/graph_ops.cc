#include "observe/graph_ops.h"

#include <algorithm>

namespace kilter {

Result<DeviceMemory> AddressDevice::allocate(int64_t floats) {
  constexpr uintptr_t kGap = 64;
  // An address that nobody follows: it names a place and is compared, no more.
  auto* data = reinterpret_cast<float*>(next_);  // NOLINT(performance-no-int-to-ptr)
  next_ += static_cast<uintptr_t>(floats) * sizeof(float) + kGap;
  return DeviceMemory(this, data, floats);
}

void AddressDevice::read_back(const Tensor&, std::span<float> to) { std::fill(to.begin(), to.end(), 0.0F); }

void GraphOps::read(const Tensor& x, Node& node) const {
  const auto found = made_.find(x.data);
  if (found != made_.end()) node.inputs.push_back(found->second);
}

void GraphOps::call(const OpCall& c) {
  Node node{.at = c.at,
            .op = c.op,
            .inputs = {},
            .weight = c.weight,
            .rope = c.rope,
            .number = c.number,
            .row = {}};
  if (c.x != nullptr) read(*c.x, node);
  if (c.b != nullptr) read(*c.b, node);
  if (c.cache != nullptr) read(*c.cache, node);
  const Shape made = c.made();
  node.row.rank = made.rank - 1;
  for (int axis = 1; axis < made.rank; ++axis) node.row.extent[static_cast<size_t>(axis - 1)] = made[axis];
  if (c.at.point == Point::attn_scores || c.at.point == Point::attn_softmax) node.row.extent[1] = 0;
  made_[c.y->data] = c.at;
  nodes_.push_back(std::move(node));
}

}  // namespace kilter
