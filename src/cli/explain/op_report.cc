#include "cli/explain/op_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <vector>

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

using Part = std::span<const ListedOp>;

// The ops in parts: each layer, what comes before the layers, and what comes behind them.
std::vector<Part> parts_of(std::span<const ListedOp> ops) {
  std::vector<Part> parts;
  while (!ops.empty()) {
    const int il = ops.front().at.il;
    const auto end =
        std::find_if(ops.begin(), ops.end(), [il](const ListedOp& op) { return op.at.il != il; });
    parts.push_back(ops.first(static_cast<size_t>(end - ops.begin())));
    ops = ops.subspan(parts.back().size());
  }
  return parts;
}

bool parts_alike(Part a, Part b) { return std::equal(a.begin(), a.end(), b.begin(), b.end(), alike); }

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

std::string ops_text(std::span<const ListedOp> ops, Layers layers) {
  Table table({{"value"},
               {"shape"},
               {"op"},
               {"formula"},
               {"weight"},
               {"weight bytes", Align::right},
               {"value bytes", Align::right},
               {"multiply-adds", Align::right}});
  const std::vector<Part> parts = parts_of(ops);
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool repeated = layers == Layers::once && i > 0 && parts_alike(parts[i - 1], parts[i]);
    if (!repeated) {
      for (const ListedOp& op : parts[i]) add_row(table, op);
      continue;
    }
    if (i + 1 < parts.size() && parts_alike(parts[i], parts[i + 1]))
      continue;  // said once, at the end of the run
    add_total(table, fmt::format("... alike up to blk.{}", parts[i].front().at.il), sum_of(parts[i]));
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
