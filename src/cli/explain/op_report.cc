#include "cli/explain/op_report.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "cli/table.h"
#include "cli/units.h"

namespace kilter::cli {
namespace {

std::string dims(const Shape& shape) { return to_string(shape); }

std::string weight_text(const ListedOp& op) {
  if (op.weight.empty()) return "";
  return fmt::format("{} {} {}", op.weight, dtype_info(op.weight_type).name, dims(op.weight_shape));
}

OpCost sum_of(std::span<const ListedOp> ops) {
  OpCost sum;
  for (const ListedOp& op : ops) {
    sum.weight_bytes += op.cost.weight_bytes;
    sum.value_bytes += op.cost.value_bytes;
    sum.multiply_adds += op.cost.multiply_adds;
  }
  return sum;
}

std::string bytes_cell(int64_t bytes) { return bytes == 0 ? "" : bytes_text(static_cast<uint64_t>(bytes)); }
std::string count_cell(int64_t count) { return count == 0 ? "" : count_text(static_cast<uint64_t>(count)); }

// Two ops of different layers that do the same: only the layer's number differs.
bool alike(const ListedOp& a, const ListedOp& b) {
  return a.at.point == b.at.point && a.op == b.op && a.made == b.made && a.weight_type == b.weight_type &&
         a.weight_shape == b.weight_shape;
}

std::span<const ListedOp> of_layer(std::span<const ListedOp> ops, int il) {
  size_t begin = 0;
  while (begin < ops.size() && ops[begin].at.il != il) ++begin;
  size_t end = begin;
  while (end < ops.size() && ops[end].at.il == il) ++end;
  return ops.subspan(begin, end - begin);
}

bool layers_alike(std::span<const ListedOp> ops, int a, int b) {
  const auto first = of_layer(ops, a);
  const auto second = of_layer(ops, b);
  return std::equal(first.begin(), first.end(), second.begin(), second.end(), alike);
}

void add_row(Table& table, const ListedOp& op) {
  table.add({to_string(op.at), dims(op.made), std::string(op.op),
             std::string(point_info(op.at.point).formula), weight_text(op), bytes_cell(op.cost.weight_bytes),
             bytes_cell(op.cost.value_bytes), count_cell(op.cost.multiply_adds)});
}

void add_total(Table& table, const std::string& title, const OpCost& sum) {
  table.add({title, "", "", "", "", bytes_cell(sum.weight_bytes), bytes_cell(sum.value_bytes),
             count_cell(sum.multiply_adds)});
}

}  // namespace

std::string ops_text(const Model& model, std::span<const ListedOp> ops, Layers layers) {
  Table table({{"value"},
               {"shape"},
               {"op"},
               {"formula"},
               {"weight"},
               {"weight bytes", Align::right},
               {"value bytes", Align::right},
               {"multiply-adds", Align::right}});
  const int n_layer = static_cast<int>(model.config.n_layer);
  for (const ListedOp& op : ops) {
    const int il = op.at.il;
    const bool repeated = layers == Layers::once && il > 0 && layers_alike(ops, il - 1, il);
    if (!repeated) {
      add_row(table, op);
      continue;
    }
    if (of_layer(ops, il).data() != &op) continue;
    if (il + 1 < n_layer && layers_alike(ops, il, il + 1)) continue;  // said once, at the end of the run
    add_total(table, fmt::format("... alike up to blk.{}", il), sum_of(of_layer(ops, il)));
  }
  add_total(table, "all", sum_of(ops));
  return table.text();
}

boost::json::object ops_json(const Model& model, std::span<const ListedOp> ops) {
  const auto shape_json = [](const Shape& shape) {
    boost::json::array extents;
    for (int i = 0; i < shape.rank; ++i) extents.push_back(shape[i]);
    return extents;
  };
  boost::json::array list;
  for (const ListedOp& op : ops) {
    boost::json::object o = {{"value", to_string(op.at)},
                             {"shape", shape_json(op.made)},
                             {"op", op.op},
                             {"formula", point_info(op.at.point).formula}};
    boost::json::array operands;
    for (const Shape& shape : op.operands) operands.push_back(shape_json(shape));
    o["operands"] = std::move(operands);
    if (!op.weight.empty()) {
      o["weight"] = {{"name", op.weight},
                     {"type", dtype_info(op.weight_type).name},
                     {"shape", shape_json(op.weight_shape)}};
    }
    o["weight_bytes"] = op.cost.weight_bytes;
    o["value_bytes"] = op.cost.value_bytes;
    o["multiply_adds"] = op.cost.multiply_adds;
    list.push_back(std::move(o));
  }
  const OpCost sum = sum_of(ops);
  return {{"architecture", model.config.architecture->name},
          {"ops", std::move(list)},
          {"weight_bytes", sum.weight_bytes},
          {"value_bytes", sum.value_bytes},
          {"multiply_adds", sum.multiply_adds}};
}

}  // namespace kilter::cli
