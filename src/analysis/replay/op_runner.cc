#include "analysis/replay/op_runner.h"

#include <array>

namespace kilter::analysis {
namespace {

using RunOp = void (*)(Ops&, const Node&, const OpInputs&, HostValue&);

struct OpRow {
  std::string_view op;
  size_t inputs;
  RunOp run;
};

const Tensor& input(const OpInputs& in, size_t i) { return in.values[i]->tensor; }

// Position p of the one sequence is row p of a pool.
KvTables plain_tables(int64_t positions) {
  KvTables tables;
  std::vector<int32_t>& blocks = tables.sequences.emplace_back();
  for (int32_t block = 0; block * kKvBlock < positions; ++block) blocks.push_back(block);
  return tables;
}

void attention(Ops& ops, const Node& node, const OpInputs& in, HostValue& out) {
  const KvTables tables = plain_tables(in.batch->size());
  const KvView kv{{input(in, 1), input(in, 1)}, &tables};
  if (node.op == "attention_scores") {
    ops.attention_scores(node.at, input(in, 0), kv, *in.batch, node.number, out.tensor);
  } else {
    ops.attention_mix(node.at, input(in, 0), kv, *in.batch, out.tensor);
  }
}

void store(Ops& ops, const Node& node, const OpInputs& in, HostValue& out) {
  ops.kv_store(node.at, input(in, 0), *in.batch, plain_tables(in.batch->size()), out.tensor);
}

constexpr std::array kOps = {
    OpRow{"embed", 0,
          [](Ops& o, const Node& n, const OpInputs& in, HostValue& y) {
            o.embed(n.at, in.batch->tokens, *n.weight, y.tensor);
          }},
    OpRow{"rmsnorm", 1,
          [](Ops& o, const Node& n, const OpInputs& in, HostValue& y) {
            o.rmsnorm(n.at, input(in, 0), *n.weight, n.number, y.tensor);
          }},
    OpRow{"matmul", 1,
          [](Ops& o, const Node& n, const OpInputs& in, HostValue& y) {
            const Tensor& x = input(in, 0);
            o.matmul(n.at, x.reshaped({x.rows(), x.row_size()}), *n.weight, y.tensor);
          }},
    OpRow{"add_bias", 1,
          [](Ops& o, const Node& n, const OpInputs& in, HostValue& y) {
            o.add_bias(n.at, input(in, 0), *n.weight, y.tensor);
          }},
    OpRow{"rope", 1,
          [](Ops& o, const Node& n, const OpInputs& in, HostValue& y) {
            o.rope(n.at, input(in, 0), in.positions, *n.rope, y.tensor);
          }},
    OpRow{"kv_store", 1, store},
    OpRow{"attention_scores", 2, attention},
    OpRow{"softmax", 1,
          [](Ops& o, const Node& n, const OpInputs& in, HostValue& y) {
            o.softmax(n.at, input(in, 0), y.tensor);
          }},
    OpRow{"attention_mix", 2, attention},
    OpRow{"silu", 1,
          [](Ops& o, const Node& n, const OpInputs& in, HostValue& y) {
            o.silu(n.at, input(in, 0), y.tensor);
          }},
    OpRow{"multiply", 2,
          [](Ops& o, const Node& n, const OpInputs& in, HostValue& y) {
            o.multiply(n.at, input(in, 0), input(in, 1), y.tensor);
          }},
    OpRow{"add", 2,
          [](Ops& o, const Node& n, const OpInputs& in, HostValue& y) {
            o.add(n.at, input(in, 0), input(in, 1), y.tensor);
          }},
    OpRow{"take_rows", 1,
          [](Ops& o, const Node& n, const OpInputs& in, HostValue& y) {
            o.take_rows(n.at, input(in, 0), in.rows, y.tensor);
          }},
};

const OpRow* row_of(std::string_view op) {
  for (const OpRow& row : kOps) {
    if (row.op == op) return &row;
  }
  return nullptr;
}

Error wrong(const Node& node, std::string sentence) {
  return {ErrorCode::usage, to_string(node.at), std::move(sentence), ""};
}

bool same_row_size(const HostValue& a, const HostValue& b) {
  return a.tensor.shape.elements() == b.tensor.shape.elements();
}

// A changed node may ask for what the op cannot do: ops do not check, so this does.
Status check(const Node& node, const OpRow& row, const OpInputs& in, const HostValue& out) {
  if (in.values.size() != row.inputs) return wrong(node, std::string(node.op) + " lacks an input");
  const bool one_to_one = node.op == "silu" || node.op == "multiply" || node.op == "add" ||
                          node.op == "rope" || node.op == "softmax" || node.op == "rmsnorm" ||
                          node.op == "add_bias";
  if (one_to_one) {
    for (const HostValue* value : in.values) {
      if (!same_row_size(*value, out)) return wrong(node, "the values have different sizes");
    }
  }
  const bool weighted =
      node.op == "embed" || node.op == "rmsnorm" || node.op == "matmul" || node.op == "add_bias";
  if (weighted && node.weight == nullptr) return wrong(node, "there is no weight");
  if (node.op == "matmul" &&
      (node.weight->cols != input(in, 0).row_size() || node.weight->rows != out.tensor.row_size())) {
    return wrong(node, "the weight has another shape than the values");
  }
  if (node.op == "embed" && node.weight->cols != out.tensor.row_size())
    return wrong(node, "the table is not as wide");
  const bool over_heads = node.op == "rmsnorm" || node.op == "add_bias";
  if (over_heads && out.tensor.row_size() % node.weight->cols != 0)
    return wrong(node, "the weight is not as wide");
  if (node.op == "rope" &&
      (node.rope == nullptr || out.tensor.shape.rank != 3 || node.rope->n_rot > out.tensor.shape[2])) {
    return wrong(node, "these values cannot be turned so");
  }
  return {};
}

}  // namespace

Result<HostValue> make_value(Ops& ops, const Node& node, int64_t rows, int64_t positions) {
  Shape shape{rows};
  for (int axis = 0; axis < node.row.rank; ++axis) {
    const int64_t extent = node.row[axis] == 0 ? positions : node.row[axis];
    shape.extent[static_cast<size_t>(shape.rank++)] = extent;
  }
  KILTER_ASSIGN(DeviceMemory memory, ops.device().allocate(shape.elements()));
  float* data = memory.data();
  return HostValue{std::move(memory), Tensor{data, shape}};
}

Status run_op(Ops& ops, const Node& node, const OpInputs& in, HostValue& out) {
  const OpRow* row = row_of(node.op);
  if (row == nullptr) return wrong(node, "there is no op " + std::string(node.op));
  KILTER_TRY(check(node, *row, in, out));
  row->run(ops, node, in, out);
  return ops.device().finish();
}

}  // namespace kilter::analysis
