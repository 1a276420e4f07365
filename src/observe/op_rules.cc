#include "observe/op_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace kilter {
namespace {

Error broken(const OpCall& c, std::string sentence) {
  return {ErrorCode::mismatch, fmt::format("{} ({})", to_string(c.at), c.op), std::move(sentence), ""};
}

// ---- Memory ----

struct Range {
  const float* begin;
  const float* end;
};

Range range_of(const Tensor& t) { return {t.data, t.data + t.shape.elements()}; }

bool overlap(const Tensor& a, const Tensor& b) {
  if (a.data == nullptr || b.data == nullptr) return false;
  const Range x = range_of(a);
  const Range y = range_of(b);
  return std::less<>()(x.begin, y.end) && std::less<>()(y.begin, x.end);
}

enum class Sharing {
  none,     ///< the result has memory of its own
  in_place  ///< it may stand where an operand stands, element on element
};

Status check_sharing(const OpCall& c, const Tensor* operand, Sharing sharing) {
  if (operand == nullptr || !overlap(*operand, *c.y)) return {};
  if (sharing == Sharing::none) return broken(c, "the result is written over an operand that is still read");
  if (operand->data == c.y->data && operand->shape.elements() == c.y->shape.elements()) return {};
  return broken(c, "the result covers a part of an operand: it may stand in its place, or apart");
}

// ---- Parts that several ops have ----

Status check_same_shape(const OpCall& c, const Tensor& operand) {
  if (operand.shape == c.y->shape) return {};
  return broken(c, fmt::format("the operand is {} and the result {}, which should be the same",
                               to_string(operand.shape), to_string(c.y->shape)));
}

Status check_rows(const OpCall& c, int64_t rows, std::string_view of) {
  if (c.y->rows() == rows) return {};
  return broken(c, fmt::format("the result is {}, and should have {} rows, one for each of {}",
                               to_string(c.y->shape), rows, of));
}

Status check_indices(const OpCall& c, int64_t end, std::string_view what) {
  for (size_t i = 0; i < c.indices.size(); ++i) {
    if (c.indices[i] >= 0 && c.indices[i] < end) continue;
    return broken(c, fmt::format("{} {} is {}, and should be in [0, {})", what, i, c.indices[i], end));
  }
  return {};
}

Status check_weight(const OpCall& c, int64_t rows, int64_t cols) {
  const Weight& w = *c.weight;
  if (w.rows == rows && w.cols == cols) return {};
  return broken(c, fmt::format("{} is [{}, {}], and [{}, {}] is what operand and result need", w.name, w.rows,
                               w.cols, rows, cols));
}

Status check_weight_bytes(const OpCall& c) {
  const Weight& w = *c.weight;
  if (!w.present()) return broken(c, "the weight is not there");
  const DTypeInfo& type = dtype_info(w.type);
  if (w.rows < 0 || w.cols <= 0 || w.cols % type.block_values != 0) {
    return broken(c, fmt::format("{} has rows of {} values, which are no whole blocks of {}", w.name, w.cols,
                                 type.name));
  }
  if (w.bytes.size() != static_cast<size_t>(w.rows * w.row_bytes())) {
    return broken(c, fmt::format("{} has {} bytes, and [{}, {}] of {} are {}", w.name, w.bytes.size(), w.rows,
                                 w.cols, type.name, w.rows * w.row_bytes()));
  }
  return {};
}

Status check_batch(const OpCall& c) {
  const size_t rows = static_cast<size_t>(c.x->rows());
  const Batch& b = *c.batch;
  if (b.positions.size() != rows || b.sequences.size() != rows) {
    return broken(c, fmt::format("the operand has {} rows, and the batch {} positions of {} sequences", rows,
                                 b.positions.size(), b.sequences.size()));
  }
  for (size_t t = 0; t < rows; ++t) {
    if (b.positions[t] < 0) return broken(c, fmt::format("row {} has position {}", t, b.positions[t]));
  }
  return {};
}

// Whether the tables lead every row of the batch to its positions, down to and with its own.
Status check_tables(const OpCall& c, const Tensor& pool) {
  const int64_t n_blocks = pool.rows() / kKvBlock;
  const auto& sequences = c.tables->sequences;
  for (size_t t = 0; t < c.batch->positions.size(); ++t) {
    const int32_t sequence = c.batch->sequences[t];
    if (sequence < 0 || static_cast<size_t>(sequence) >= sequences.size()) {
      return broken(c,
                    fmt::format("row {} is of sequence {}, and {} are there", t, sequence, sequences.size()));
    }
    const auto& blocks = sequences[static_cast<size_t>(sequence)];
    const size_t needed = static_cast<size_t>(c.batch->positions[t] / kKvBlock) + 1;
    if (needed > blocks.size()) {
      return broken(c, fmt::format("row {} has position {}, and sequence {} has {} blocks of {}", t,
                                   c.batch->positions[t], sequence, blocks.size(), kKvBlock));
    }
    const auto outside = std::find_if(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(needed),
                                      [&](int32_t b) { return b < 0 || b >= n_blocks; });
    if (outside != blocks.begin() + static_cast<std::ptrdiff_t>(needed)) {
      return broken(
          c, fmt::format("sequence {} names block {}, and the pool has {}", sequence, *outside, n_blocks));
    }
  }
  return {};
}

Status check_heads(const OpCall& c, int64_t n_head) {
  const int64_t n_head_kv = c.cache->shape[1];
  if (c.cache->shape.rank == 3 && n_head_kv > 0 && n_head % n_head_kv == 0) return {};
  return broken(c,
                fmt::format("{} query heads cannot share a cache of {}", n_head, to_string(c.cache->shape)));
}

Status check_positions(const OpCall& c, const Tensor& scores) {
  const int64_t visible = c.batch->visible_positions();
  if (scores.shape[2] == visible) return {};
  return broken(c, fmt::format("{} has an axis of {} positions, and the batch sees {}",
                               to_string(scores.shape), scores.shape[2], visible));
}

// ---- The ops ----

Status check_embed(const OpCall& c) {
  KILTER_TRY(check_rows(c, static_cast<int64_t>(c.indices.size()), "the ids"));
  KILTER_TRY(check_weight(c, c.weight->rows, c.y->row_size()));
  return check_indices(c, c.weight->rows, "id");
}

Status check_rmsnorm(const OpCall& c) {
  KILTER_TRY(check_same_shape(c, *c.x));
  KILTER_TRY(check_weight(c, 1, c.weight->cols));
  if (c.x->row_size() % c.weight->cols != 0) {
    return broken(c, fmt::format("rows of {} values are no multiple of the {} of {}", c.x->row_size(),
                                 c.weight->cols, c.weight->name));
  }
  if (!(c.number > 0)) return broken(c, fmt::format("eps is {}, and should be above 0", c.number));
  return {};
}

Status check_matmul(const OpCall& c) {
  KILTER_TRY(check_rows(c, c.x->rows(), "the operand's"));
  return check_weight(c, c.y->row_size(), c.x->row_size());
}

Status check_add_bias(const OpCall& c) {
  KILTER_TRY(check_same_shape(c, *c.x));
  return check_weight(c, 1, c.x->row_size());
}

Status check_rope(const OpCall& c) {
  KILTER_TRY(check_same_shape(c, *c.x));
  KILTER_TRY(check_rows(c, static_cast<int64_t>(c.indices.size()), "the positions"));
  KILTER_TRY(check_indices(c, int64_t{INT32_MAX} + 1, "position"));
  const Rope& rope = *c.rope;
  if (rope.n_rot < 0 || rope.n_rot % 2 != 0 || rope.n_rot > c.x->shape[2]) {
    return broken(
        c, fmt::format("{} elements of heads of {} cannot be turned in pairs", rope.n_rot, c.x->shape[2]));
  }
  if (static_cast<int64_t>(rope.frequency.size()) != rope.n_rot / 2) {
    return broken(c, fmt::format("{} frequencies came for {} pairs", rope.frequency.size(), rope.n_rot / 2));
  }
  return {};
}

Status check_kv_store(const OpCall& c) {
  KILTER_TRY(check_batch(c));
  if (c.x->shape[1] != c.y->shape[1] || c.x->shape[2] != c.y->shape[2]) {
    return broken(
        c, fmt::format("rows of {} do not fit a pool of {}", to_string(c.x->shape), to_string(c.y->shape)));
  }
  KILTER_TRY(check_tables(c, *c.y));
  std::vector<int64_t> rows = c.stored_rows();
  std::sort(rows.begin(), rows.end());
  const auto twice = std::adjacent_find(rows.begin(), rows.end());
  if (twice != rows.end()) return broken(c, fmt::format("two rows are stored in row {} of the pool", *twice));
  return {};
}

Status check_attention_scores(const OpCall& c) {
  KILTER_TRY(check_batch(c));
  KILTER_TRY(check_rows(c, c.x->rows(), "the queries"));
  KILTER_TRY(check_heads(c, c.x->shape[1]));
  if (c.y->shape[1] != c.x->shape[1] || c.x->shape[2] != c.cache->shape[2]) {
    return broken(c, fmt::format("queries {}, keys {} and scores {} do not fit", to_string(c.x->shape),
                                 to_string(c.cache->shape), to_string(c.y->shape)));
  }
  KILTER_TRY(check_positions(c, *c.y));
  if (!std::isfinite(c.number)) return broken(c, fmt::format("the scale is {}", c.number));
  return check_tables(c, *c.cache);
}

Status check_attention_mix(const OpCall& c) {
  KILTER_TRY(check_batch(c));
  KILTER_TRY(check_rows(c, c.x->rows(), "the operand's"));
  KILTER_TRY(check_heads(c, c.x->shape[1]));
  if (c.y->shape[1] != c.x->shape[1] || c.y->shape[2] != c.cache->shape[2]) {
    return broken(c, fmt::format("weights {}, cached values {} and the mix {} do not fit",
                                 to_string(c.x->shape), to_string(c.cache->shape), to_string(c.y->shape)));
  }
  KILTER_TRY(check_positions(c, *c.x));
  return check_tables(c, *c.cache);
}

Status check_one_shape(const OpCall& c) {
  KILTER_TRY(check_same_shape(c, *c.x));
  return c.b == nullptr ? Status() : check_same_shape(c, *c.b);
}

Status check_take_rows(const OpCall& c) {
  KILTER_TRY(check_rows(c, static_cast<int64_t>(c.indices.size()), "the rows asked for"));
  if (c.x->row_size() != c.y->row_size()) {
    return broken(c,
                  fmt::format("rows of {} do not fit into {}", to_string(c.x->shape), to_string(c.y->shape)));
  }
  return check_indices(c, c.x->rows(), "row");
}

constexpr int kAnyRank = 0;

/// The rules of one op.
struct OpRules {
  std::string_view op;
  int x_rank;
  int y_rank;
  Sharing sharing;  // of the result with the values that are read
  Status (*check)(const OpCall&);
};

constexpr std::array kRules = {
    OpRules{"embed", kAnyRank, kAnyRank, Sharing::none, check_embed},
    OpRules{"rmsnorm", kAnyRank, kAnyRank, Sharing::in_place, check_rmsnorm},
    OpRules{"matmul", kAnyRank, kAnyRank, Sharing::none, check_matmul},
    OpRules{"add_bias", kAnyRank, kAnyRank, Sharing::in_place, check_add_bias},
    OpRules{"rope", 3, 3, Sharing::in_place, check_rope},
    OpRules{"kv_store", 3, 3, Sharing::none, check_kv_store},
    OpRules{"attention_scores", 3, 3, Sharing::none, check_attention_scores},
    OpRules{"softmax", 3, 3, Sharing::in_place, check_one_shape},
    OpRules{"attention_mix", 3, 3, Sharing::none, check_attention_mix},
    OpRules{"silu", kAnyRank, kAnyRank, Sharing::in_place, check_one_shape},
    OpRules{"multiply", kAnyRank, kAnyRank, Sharing::in_place, check_one_shape},
    OpRules{"add", kAnyRank, kAnyRank, Sharing::in_place, check_one_shape},
    OpRules{"take_rows", kAnyRank, kAnyRank, Sharing::none, check_take_rows},
};

Status check_rank(const OpCall& c, const Tensor* tensor, int rank) {
  if (tensor == nullptr) return {};
  const Shape& shape = tensor->shape;
  const auto extents = std::span(shape.extent).first(static_cast<size_t>(shape.rank));
  const bool negative = std::any_of(extents.begin(), extents.end(), [](int64_t e) { return e < 0; });
  if (shape.rank > 0 && !negative && (rank == kAnyRank || shape.rank == rank)) return {};
  const std::string wanted = rank == kAnyRank ? "at least one axis" : fmt::format("{} axes", rank);
  return broken(c, fmt::format("a value of shape {} came where {} belong", to_string(shape), wanted));
}

Status check_name(const OpCall& c) {
  const bool in_a_layer = point_info(c.at.point).scope == PointScope::layer;
  if (in_a_layer == (c.at.il >= 0)) return {};
  return broken(c, in_a_layer ? "is a value of a layer, and no layer is named"
                              : fmt::format("is no value of a layer, and layer {} is named", c.at.il));
}

}  // namespace

Status check_rules(const OpCall& c) {
  KILTER_TRY(check_name(c));
  const auto rules =
      std::find_if(kRules.begin(), kRules.end(), [&](const OpRules& r) { return r.op == c.op; });
  if (rules == kRules.end()) return broken(c, "no rules are known for this op");
  KILTER_TRY(check_rank(c, c.x, rules->x_rank));
  KILTER_TRY(check_rank(c, c.b, kAnyRank));
  KILTER_TRY(check_rank(c, c.y, rules->y_rank));
  if (c.weight != nullptr) KILTER_TRY(check_weight_bytes(c));
  KILTER_TRY(rules->check(c));
  KILTER_TRY(check_sharing(c, c.x, rules->sharing));
  KILTER_TRY(check_sharing(c, c.b, rules->sharing));
  return check_sharing(c, c.cache, Sharing::none);
}

}  // namespace kilter
