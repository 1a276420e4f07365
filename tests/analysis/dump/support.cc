#include "support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

namespace kilter::analysis {
namespace {

constexpr int64_t kD = 32;
constexpr int64_t kH = 8;
constexpr int64_t kK = 2;
constexpr int64_t kHk = 4;
constexpr int64_t kF = 48;
constexpr int64_t kV = 300;

// In the order of make_samples.py.
constexpr std::array<std::string_view, 21> kNames = {
    "token_embd",  "attn_norm",   "attn_q",       "attn_q_rope", "attn_k",      "attn_k_rope",
    "attn_v",      "attn_scores", "attn_softmax", "attn_mix",    "attn_output", "attn_residual",
    "ffn_norm",    "ffn_gate",    "ffn_up",       "ffn_gated",   "ffn_down",    "ffn_residual",
    "output_norm", "logits",      "attn_q.weight"};

std::vector<Node> layer_nodes(int il, const Rope& rope, const Weight* attn_q) {
  const Shape d{kD};
  const Shape q{kH, kHk};
  const Shape k{kK, kHk};
  const Shape scores{kH, 0};
  const Shape f{kF};
  const auto point = [&](Point p) { return at(il, p); };
  const At x = il == 0 ? at(Point::token_embd) : at(il - 1, Point::ffn_residual);
  return {
      {.at = point(Point::attn_norm), .op = "rmsnorm", .inputs = {x}, .row = d},
      {.at = point(Point::attn_q),
       .op = "matmul",
       .inputs = {point(Point::attn_norm)},
       .weight = attn_q,
       .row = q},
      {.at = point(Point::attn_q_rope),
       .op = "rope",
       .inputs = {point(Point::attn_q)},
       .rope = &rope,
       .row = q},
      {.at = point(Point::attn_k), .op = "matmul", .inputs = {point(Point::attn_norm)}, .row = k},
      {.at = point(Point::attn_k_rope),
       .op = "rope",
       .inputs = {point(Point::attn_k)},
       .rope = &rope,
       .row = k},
      {.at = point(Point::attn_v), .op = "matmul", .inputs = {point(Point::attn_norm)}, .row = k},
      {.at = point(Point::attn_k_cache), .op = "kv_store", .inputs = {point(Point::attn_k_rope)}, .row = k},
      {.at = point(Point::attn_v_cache), .op = "kv_store", .inputs = {point(Point::attn_v)}, .row = k},
      {.at = point(Point::attn_scores),
       .op = "attention_scores",
       .inputs = {point(Point::attn_q_rope), point(Point::attn_k_cache)},
       .number = 0.5F,
       .row = scores},
      {.at = point(Point::attn_softmax),
       .op = "softmax",
       .inputs = {point(Point::attn_scores)},
       .row = scores},
      {.at = point(Point::attn_mix),
       .op = "attention_mix",
       .inputs = {point(Point::attn_softmax), point(Point::attn_v_cache)},
       .row = q},
      {.at = point(Point::attn_output), .op = "matmul", .inputs = {point(Point::attn_mix)}, .row = d},
      {.at = point(Point::attn_residual), .op = "add", .inputs = {x, point(Point::attn_output)}, .row = d},
      {.at = point(Point::ffn_norm), .op = "rmsnorm", .inputs = {point(Point::attn_residual)}, .row = d},
      {.at = point(Point::ffn_gate), .op = "matmul", .inputs = {point(Point::ffn_norm)}, .row = f},
      {.at = point(Point::ffn_up), .op = "matmul", .inputs = {point(Point::ffn_norm)}, .row = f},
      {.at = point(Point::ffn_act), .op = "silu", .inputs = {point(Point::ffn_gate)}, .row = f},
      {.at = point(Point::ffn_gated),
       .op = "multiply",
       .inputs = {point(Point::ffn_act), point(Point::ffn_up)},
       .row = f},
      {.at = point(Point::ffn_down), .op = "matmul", .inputs = {point(Point::ffn_gated)}, .row = d},
      {.at = point(Point::ffn_residual),
       .op = "add",
       .inputs = {point(Point::attn_residual), point(Point::ffn_down)},
       .row = d},
  };
}

std::vector<Node> all_nodes(const Rope& rope, const Weight* attn_q) {
  std::vector<Node> nodes = {{.at = at(Point::token_embd), .op = "embed", .inputs = {}, .row = {kD}}};
  for (int il = 0; il < 2; ++il) {
    const std::vector<Node> layer = layer_nodes(il, rope, il == 0 ? attn_q : nullptr);
    nodes.insert(nodes.end(), layer.begin(), layer.end());
  }
  nodes.push_back(
      {.at = at(Point::output_rows), .op = "take_rows", .inputs = {at(1, Point::ffn_residual)}, .row = {kD}});
  nodes.push_back(
      {.at = at(Point::output_norm), .op = "rmsnorm", .inputs = {at(Point::output_rows)}, .row = {kD}});
  nodes.push_back({.at = at(Point::logits), .op = "matmul", .inputs = {at(Point::output_norm)}, .row = {kV}});
  return nodes;
}

Weight named_weight(std::string name, int64_t rows, int64_t cols) {
  Weight weight;
  weight.name = std::move(name);
  weight.rows = rows;
  weight.cols = cols;
  return weight;
}

}  // namespace

TestModel::TestModel(RopePairs pairs)
    : rope{.pairs = pairs, .n_rot = kHk, .frequency = {1, 0.01}},
      attn_q(named_weight("blk.0.attn_q.weight", kH * kHk, kD)),
      graph(all_nodes(rope, &attn_q)) {}

DumpContext TestModel::context() const {
  DumpContext context;
  context.graph = &graph;
  context.n_head = kH;
  context.n_head_kv = kK;
  return context;
}

std::string sample(std::string_view name) { return std::string(KILTER_DUMP_SAMPLES "/") + std::string(name); }

std::string written(std::string_view name, std::string_view text) {
  const std::string folder =
      testing::TempDir() + "kilter_dump_" + testing::UnitTest::GetInstance()->current_test_info()->name();
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/" + std::string(name);
  std::filesystem::remove(path);  // some file systems wait for the disk when a file is written over
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

float sample_number(std::string_view name, int64_t i) {
  const auto n = std::find(kNames.begin(), kNames.end(), name) - kNames.begin();
  return static_cast<float>((37 * i + 101 * n) % 255 - 127) / 64.0F;
}

std::vector<float> sample_rows(std::string_view name, int64_t first, int64_t rows, int64_t row_size) {
  std::vector<float> out;
  for (int64_t i = first * row_size; i < (first + rows) * row_size; ++i)
    out.push_back(sample_number(name, i));
  return out;
}

Dump read(const std::vector<std::string>& paths, const DumpContext& context) {
  auto dump = read_dump(paths, context);
  if (dump) return std::move(*dump);
  ADD_FAILURE() << dump.error().message();
  return {};
}

const Observed* find(const Dump& dump, At at) {
  const auto found = dump.values.find(at);
  if (found != dump.values.end()) return &found->second;
  ADD_FAILURE() << to_string(at) << " is not in the dump";
  return nullptr;
}

Elements load(const Observed& value) {
  auto elements = value.load();
  if (elements) return std::move(*elements);
  ADD_FAILURE() << to_string(value.at) << ": " << elements.error().message();
  return {};
}

}  // namespace kilter::analysis
