// Rows of a projection in the wrong order: the head permutation of q and k, and fused matrices cut wrongly.
#include <algorithm>
#include <array>

#include "analysis/bugs/weights/tensor_name.h"
#include "analysis/bugs/weights/weight_bugs.h"

namespace kilter::analysis {
namespace {

/// Heads and head widths of a layer, from the shapes of its graph.
struct Heads {
  int64_t q = 0;
  int64_t kv = 0;
  int64_t width = 0;
};

Heads heads_of(const ReplayModel& model, int il) {
  const Node* q = model.graph->find(at(il, Point::attn_q_rope));
  const Node* k = model.graph->find(at(il, Point::attn_k_rope));
  if (q == nullptr || k == nullptr || q->row.rank != 2 || k->row.rank != 2) return {};
  return {q->row[0], k->row[0], q->row[1]};
}

using RowSource = std::function<int64_t(int64_t row)>;

// The converter's permutation of Hugging Face's rows: row 2j + h of a head is their row h * width / 2 + j.
RowSource permuted(int64_t width) {
  return [width](int64_t row) { return row / width * width + row % 2 * (width / 2) + row % width / 2; };
}

// Back to Hugging Face's order: row h * width / 2 + j is GGUF's row 2j + h.
RowSource restored(int64_t width) {
  return [width](int64_t row) {
    const int64_t half = width / 2;
    return row / width * width + row % half * 2 + row % width / half;
  };
}

std::vector<Reading> permutations(const Weight& w, const ReplayModel& model) {
  const auto [il, rest] = tensor_name(w.name);
  const bool is_q = rest == "attn_q.weight";
  const bool is_k = rest == "attn_k.weight";
  if (il < 0 || (!is_q && !is_k)) return {};
  const auto [n_head, n_head_kv, width] = heads_of(model, il);
  if (width < 4 || width % 2 != 0 || w.rows % width != 0) return {};
  std::vector<Reading> found;
  found.push_back(by_own_row("rows of q and k brought back to Hugging Face's order", restored(width)));
  found.push_back(by_own_row("rows of q and k permuted once more", permuted(width)));
  const int64_t other_heads = is_q ? n_head_kv : n_head;
  const std::string with = is_q ? " with n_head_kv heads for q" : " with n_head heads for k";
  if (n_head == n_head_kv || w.rows % (2 * other_heads) != 0) return found;
  const int64_t other = w.rows / other_heads;
  const auto then = [](RowSource first, RowSource second) {
    return [=](int64_t row) { return first(second(row)); };
  };
  if (other >= 4) {
    found.push_back(by_own_row("rows brought back to Hugging Face's order" + with, restored(other)));
    found.push_back(by_own_row("rows permuted once more" + with, permuted(other)));
  }
  // What is left when one side of a round trip counts the heads wrongly.
  found.push_back(
      by_own_row("rows permuted by the converter" + with, then(restored(width), permuted(other))));
  found.push_back(by_own_row("rows restored" + with + ", then permuted with the right number",
                             then(restored(other), permuted(width))));
  return found;
}

constexpr BugInfo kPermutation{
    .id = "qk-permutation",
    .title = "The rows of q and k are permuted once too often, or not at all",
    .cause =
        "GGUF's Llama files hold the rows of attn_q and attn_k permuted inside each head, so that RoPE turns "
        "neighbours; the engine permutes them again, undoes it, or counts the heads wrongly.",
    .fix =
        "Use the rows as they stand in the file and turn elements (2i, 2i + 1); if the engine works in "
        "Hugging "
        "Face's order, restore q with n_head and k with n_head_kv, and turn halves.",
    .rank = 19,
    .next_measurement = "dump attn_q and attn_k in front of RoPE"};

constexpr std::array<std::string_view, 3> kQkv = {"attn_q.weight", "attn_k.weight", "attn_v.weight"};

/// The projections that people fuse into one matrix, with the first row of each.
struct Fused {
  std::vector<const Weight*> parts;

  int64_t rows() const {
    int64_t n = 0;
    for (const Weight* part : parts) n += part->rows;
    return n;
  }
  RowOf row(int64_t r) const {
    for (const Weight* part : parts) {
      if (r < part->rows) return {part, r};
      r -= part->rows;
    }
    return {parts.back(), -1};
  }
};

Fused fused_of(const ReplayModel& model, int il, std::span<const std::string_view> names) {
  Fused fused;
  for (const std::string_view name : names) {
    const Weight* part = layer_weight(model, il, name);
    if (part == nullptr || (!fused.parts.empty() && part->cols != fused.parts[0]->cols)) return {};
    fused.parts.push_back(part);
  }
  return fused;
}

// Rows from `first` on.
Reading rows_from(std::string detail, const Fused& fused, int64_t first) {
  return by_row(std::move(detail), [=](int64_t row) { return fused.row(first + row); });
}

// Orders of q, k and v that the engine takes the fused matrix to have; the file's is q, k, v.
struct AssumedOrder {
  const char* detail;
  std::array<size_t, 3> parts;
};
constexpr AssumedOrder kOrders[] = {
    {"fused q, k, v cut as q, v, k", {0, 2, 1}}, {"fused q, k, v cut as k, q, v", {1, 0, 2}},
    {"fused q, k, v cut as k, v, q", {1, 2, 0}}, {"fused q, k, v cut as v, q, k", {2, 0, 1}},
    {"fused q, k, v cut as v, k, q", {2, 1, 0}},
};

std::vector<Reading> qkv_cuts(const Weight& w, const ReplayModel& model, int il, size_t which) {
  const Fused fused = fused_of(model, il, kQkv);
  if (fused.parts.empty()) return {};
  const auto [n_head, n_head_kv, width] = heads_of(model, il);
  std::vector<Reading> found;
  const auto moved = [&](const char* detail, int64_t first) {
    int64_t right = 0;
    for (size_t part = 0; part < which; ++part) right += fused.parts[part]->rows;
    if (first != right && first + w.rows <= fused.rows()) found.push_back(rows_from(detail, fused, first));
  };
  moved("fused q, k, v cut into thirds", static_cast<int64_t>(which) * (fused.rows() / 3));
  for (const auto& [detail, parts] : kOrders) {
    int64_t first = 0;
    for (const size_t part : parts) {
      if (part == which) break;
      first += fused.parts[part]->rows;
    }
    moved(detail, first);
  }
  // For each kv head its query heads, its key, its value: GPT-NeoX's and InternLM's order. One kv head: the
  // same.
  const bool even =
      n_head_kv > 1 && n_head % n_head_kv == 0 && fused.rows() == (n_head + 2 * n_head_kv) * width;
  if (!even) return found;
  const int64_t group = n_head / n_head_kv;
  found.push_back(by_row("fused q, k, v cut as groups of query heads, key, value", [=](int64_t row) {
    const int64_t head = row / width;
    const int64_t kv = which == 0 ? head / group : head;
    const int64_t slot = which == 0 ? head % group : group + static_cast<int64_t>(which) - 1;
    return fused.row((kv * (group + 2) + slot) * width + row % width);
  }));
  return found;
}

std::vector<Reading> gate_up_cuts(const Weight& w, const ReplayModel& model, int il, bool is_up) {
  constexpr std::array<std::string_view, 2> kGateUp = {"ffn_gate.weight", "ffn_up.weight"};
  const Fused fused = fused_of(model, il, kGateUp);
  if (fused.parts.empty() || fused.parts[0]->rows != fused.parts[1]->rows) return {};
  return {rows_from("gate and up exchanged", fused, is_up ? 0 : w.rows),
          by_row("fused gate and up cut as alternating rows",
                 [=](int64_t row) { return fused.row(2 * row + (is_up ? 1 : 0)); })};
}

std::vector<Reading> cuts(const Weight& w, const ReplayModel& model) {
  const auto [il, rest] = tensor_name(w.name);
  if (il < 0) return {};
  const auto which = static_cast<size_t>(std::find(kQkv.begin(), kQkv.end(), rest) - kQkv.begin());
  if (which < kQkv.size()) return qkv_cuts(w, model, il, which);
  if (rest == "ffn_gate.weight" || rest == "ffn_up.weight")
    return gate_up_cuts(w, model, il, rest == "ffn_up.weight");
  return {};
}

constexpr BugInfo kSplit{
    .id = "fused-split",
    .title = "A fused matrix is cut at the wrong rows",
    .cause =
        "The engine joins q, k, v (or gate and up) into one matrix and takes the parts out in another order, "
        "or into "
        "equal parts although k and v have fewer heads.",
    .fix = "Cut at n_head * head_dim, then n_head_kv * head_dim twice: q, k, v; gate first, up second.",
    .rank = 14,
    .next_measurement = "dump attn_q, attn_k and attn_v in front of RoPE"};

}  // namespace

std::span<const Bug* const> row_order_bugs() {
  static const WeightBugEntry permutation(kPermutation, permutations, Reach::group);
  static const WeightBugEntry split(kSplit, cuts, Reach::group);
  static const Bug* const all[] = {&permutation, &split};
  return all;
}

}  // namespace kilter::analysis
