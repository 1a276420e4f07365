#include "observe/op_call.h"

namespace kilter {

std::vector<int64_t> OpCall::stored_rows() const {
  std::vector<int64_t> rows;
  for (size_t t = 0; t < batch->positions.size(); ++t) {
    rows.push_back(tables->row(batch->sequences[t], batch->positions[t]));
  }
  return rows;
}

void OpsAsCalls::embed(At at, std::span<const int32_t> ids, const Weight& table, Tensor& y) {
  call({.op = "embed",
        .at = at,
        .weight = &table,
        .indices = ids,
        .y = &y,
        .run = [](Ops& o, const OpCall& c) { o.embed(c.at, c.indices, *c.weight, *c.y); }});
}

void OpsAsCalls::rmsnorm(At at, const Tensor& x, const Weight& w, float eps, Tensor& y) {
  call({.op = "rmsnorm",
        .at = at,
        .x = &x,
        .weight = &w,
        .number = eps,
        .y = &y,
        .run = [](Ops& o, const OpCall& c) { o.rmsnorm(c.at, *c.x, *c.weight, c.number, *c.y); }});
}

void OpsAsCalls::matmul(At at, const Tensor& x, const Weight& w, Tensor& y) {
  call({.op = "matmul", .at = at, .x = &x, .weight = &w, .y = &y, .run = [](Ops& o, const OpCall& c) {
          o.matmul(c.at, *c.x, *c.weight, *c.y);
        }});
}

void OpsAsCalls::add_bias(At at, const Tensor& x, const Weight& b, Tensor& y) {
  call({.op = "add_bias", .at = at, .x = &x, .weight = &b, .y = &y, .run = [](Ops& o, const OpCall& c) {
          o.add_bias(c.at, *c.x, *c.weight, *c.y);
        }});
}

void OpsAsCalls::rope(At at, const Tensor& x, std::span<const int32_t> positions, const Rope& rope,
                      Tensor& y) {
  call({.op = "rope",
        .at = at,
        .x = &x,
        .indices = positions,
        .rope = &rope,
        .y = &y,
        .run = [](Ops& o, const OpCall& c) { o.rope(c.at, *c.x, c.indices, *c.rope, *c.y); }});
}

void OpsAsCalls::kv_store(At at, const Tensor& x, const Batch& batch, const KvTables& tables, Tensor& pool) {
  call({.op = "kv_store",
        .at = at,
        .x = &x,
        .batch = &batch,
        .tables = &tables,
        .y = &pool,
        .run = [](Ops& o, const OpCall& c) { o.kv_store(c.at, *c.x, *c.batch, *c.tables, *c.y); }});
}

void OpsAsCalls::attention_scores(At at, const Tensor& q, const KvView& kv, const Batch& batch, float scale,
                                  Tensor& s) {
  call({.op = "attention_scores",
        .at = at,
        .x = &q,
        .batch = &batch,
        .tables = kv.tables,
        .kv = &kv,
        .cache = &kv.layer.k,
        .number = scale,
        .y = &s,
        .run = [](Ops& o, const OpCall& c) {
          o.attention_scores(c.at, *c.x, *c.kv, *c.batch, c.number, *c.y);
        }});
}

void OpsAsCalls::softmax(At at, const Tensor& s, Tensor& p) {
  call({.op = "softmax", .at = at, .x = &s, .y = &p, .run = [](Ops& o, const OpCall& c) {
          o.softmax(c.at, *c.x, *c.y);
        }});
}

void OpsAsCalls::attention_mix(At at, const Tensor& p, const KvView& kv, const Batch& batch, Tensor& y) {
  call({.op = "attention_mix",
        .at = at,
        .x = &p,
        .batch = &batch,
        .tables = kv.tables,
        .kv = &kv,
        .cache = &kv.layer.v,
        .y = &y,
        .run = [](Ops& o, const OpCall& c) { o.attention_mix(c.at, *c.x, *c.kv, *c.batch, *c.y); }});
}

void OpsAsCalls::silu(At at, const Tensor& x, Tensor& y) {
  call({.op = "silu", .at = at, .x = &x, .y = &y, .run = [](Ops& o, const OpCall& c) {
          o.silu(c.at, *c.x, *c.y);
        }});
}

void OpsAsCalls::multiply(At at, const Tensor& a, const Tensor& b, Tensor& y) {
  call({.op = "multiply", .at = at, .x = &a, .b = &b, .y = &y, .run = [](Ops& o, const OpCall& c) {
          o.multiply(c.at, *c.x, *c.b, *c.y);
        }});
}

void OpsAsCalls::add(At at, const Tensor& a, const Tensor& b, Tensor& y) {
  call({.op = "add", .at = at, .x = &a, .b = &b, .y = &y, .run = [](Ops& o, const OpCall& c) {
          o.add(c.at, *c.x, *c.b, *c.y);
        }});
}

void OpsAsCalls::take_rows(At at, const Tensor& x, std::span<const int32_t> rows, Tensor& y) {
  call({.op = "take_rows", .at = at, .x = &x, .indices = rows, .y = &y, .run = [](Ops& o, const OpCall& c) {
          o.take_rows(c.at, *c.x, c.indices, *c.y);
        }});
}

}  // namespace kilter
