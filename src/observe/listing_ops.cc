#include "observe/listing_ops.h"

#include <algorithm>

namespace kilter {
namespace {

std::vector<Shape> operands_of(const OpCall& c) {
  std::vector<Shape> shapes;
  if (c.x != nullptr) shapes.push_back(c.x->shape);
  if (c.b != nullptr) shapes.push_back(c.b->shape);
  if (c.cache != nullptr) {
    shapes.push_back({c.batch->visible_positions(), c.cache->shape[1], c.cache->shape[2]});
  }
  return shapes;
}

}  // namespace

void NoDevice::read_back(const Tensor&, std::span<float> to) { std::fill(to.begin(), to.end(), 0.0F); }

void ListingOps::call(const OpCall& c) {
  ListedOp& listed = ops_.emplace_back();
  listed.at = c.at;
  listed.op = c.op;
  listed.operands = operands_of(c);
  if (c.weight != nullptr) {
    listed.weight = c.weight->name;
    listed.weight_type = c.weight->type;
    listed.weight_shape = {c.weight->rows, c.weight->cols};
  }
  listed.made = c.made();
  listed.cost = cost_of(c);
}

}  // namespace kilter
