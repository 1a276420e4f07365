#include "analysis/dump/layout.h"

#include <algorithm>
#include <numeric>

namespace kilter::analysis {
namespace {

int64_t product(const std::vector<int64_t>& extents) {
  return std::accumulate(extents.begin(), extents.end(), int64_t{1}, std::multiplies<>());
}

// Without axes of one: a batch, a single token, a single head.
std::vector<int64_t> without_ones(const std::vector<int64_t>& shape) {
  std::vector<int64_t> out;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(out), [](int64_t n) { return n != 1; });
  return out;
}

Error no_fit(const RawValue& value, const LayoutWish& wish, const std::string& why) {
  std::string row = shape_text(wish.row);
  if (!wish.row.empty() && wish.row.back() == 0) row = "[" + std::to_string(wish.row[0]) + ", positions]";
  return {ErrorCode::mismatch, "",
          "is " + shape_text(value.shape) + ", and a row of " + to_string(wish.at) + " is " + row +
              (why.empty() ? "" : ": " + why),
          ""};
}

// What the axes may be, {T, H, Hk} in the letters of ops.h.
struct Extents {
  int64_t rows;
  int64_t heads;
  int64_t columns;
};

Layout rows_first(const Extents& e) {
  return {{e.rows, e.heads, e.columns}, {Layout::row, Layout::head, Layout::column}, ""};
}
Layout heads_first(const Extents& e) {
  return {{e.heads, e.rows, e.columns}, {Layout::head, Layout::row, Layout::column}, ""};
}

std::vector<int64_t> reversed(std::vector<int64_t> shape) {
  std::reverse(shape.begin(), shape.end());
  return shape;
}

// Readings of an array whose row has known extents.
Result<Layout> choose(const RawValue& value, const LayoutWish& wish, const Extents& e) {
  const std::vector<int64_t> shape = without_ones(value.shape);
  const std::vector<int64_t> split = without_ones({e.rows, e.heads, e.columns});
  const std::vector<int64_t> merged = without_ones({e.rows, e.heads * e.columns});
  const std::vector<int64_t> swapped = without_ones({e.heads, e.rows, e.columns});
  const bool as_rows = shape == split || shape == merged || shape.size() == 1;
  const bool as_heads = shape == swapped && e.heads > 1;
  if (as_rows && as_heads && e.rows > 1 && shape.size() == 3) {
    Layout layout = wish.first == FirstAxis::heads ? heads_first(e) : rows_first(e);
    layout.remark = "is as many tokens as heads; its first axis is taken for the " +
                    std::string(wish.first == FirstAxis::heads ? "heads" : "tokens");
    return layout;
  }
  if (as_rows) return rows_first(e);
  if (as_heads) return heads_first(e);
  const bool reversed_rows = reversed(shape) == split || reversed(shape) == merged;
  const bool reversed_heads = reversed(shape) == swapped;
  if (!reversed_rows && !reversed_heads) {
    // Some other cut of the same row, e.g. [T, K, H/K, Hk].
    if (!shape.empty() && shape[0] == e.rows) return rows_first(e);
    return no_fit(value, wish, "no order of its axes fits");
  }
  Layout layout = reversed_rows ? rows_first(e) : heads_first(e);
  if (value.reversed == ReversedShape::transposed) {
    const bool flat = reversed_rows && reversed(shape) == merged;
    if (flat) layout = {{e.heads, e.columns, e.rows}, {Layout::head, Layout::column, Layout::row}, ""};
    if (!flat) std::reverse(layout.extents.begin(), layout.extents.end());
    if (!flat) std::reverse(layout.roles.begin(), layout.roles.end());
    layout.remark = "has its axes transposed, and is turned";
    return layout;
  }
  layout.remark = "names its axes fastest first, as GGML does; its memory is taken as it lies";
  return layout;
}

// Scores: the last axis is as long as the engine made it.
Result<Layout> choose_scores(const RawValue& value, const LayoutWish& wish) {
  const int64_t heads = wish.row[0];
  const int64_t n = value.elements();
  std::vector<int64_t> shape = value.shape;
  while (shape.size() > 3 && shape.front() == 1) shape.erase(shape.begin());
  while (shape.size() < 3) shape.insert(shape.begin(), 1);
  if (shape.size() > 3 || n == 0) return no_fit(value, wish, "it has too many axes");
  const auto rows_fit = [&](int64_t rows) {
    return rows >= 1 && (wish.n_tokens == 0 || rows <= wish.n_tokens);
  };
  const bool as_rows = shape[1] == heads && rows_fit(shape[0]);
  const bool as_heads = shape[0] == heads && rows_fit(shape[1]);
  if (as_rows && as_heads && shape[0] > 1) {
    const bool heads_lead = wish.first == FirstAxis::heads;
    Layout layout =
        heads_lead ? heads_first({shape[1], heads, shape[2]}) : rows_first({shape[0], heads, shape[2]});
    layout.remark = "is as many tokens as heads; its first axis is taken for the " +
                    std::string(heads_lead ? "heads" : "tokens");
    return layout;
  }
  if (as_rows) return rows_first({shape[0], heads, shape[2]});
  if (as_heads) return heads_first({shape[1], heads, shape[2]});
  Layout layout;
  if (shape[1] == heads && rows_fit(shape[2])) layout = rows_first({shape[2], heads, shape[0]});
  if (shape[2] == heads && rows_fit(shape[1])) layout = heads_first({shape[1], heads, shape[0]});
  if (layout.rows() * layout.extent(Layout::head) * layout.extent(Layout::column) != n) {
    return no_fit(value, wish, "no order of its axes fits");
  }
  if (value.reversed == ReversedShape::transposed) {
    std::reverse(layout.extents.begin(), layout.extents.end());
    std::reverse(layout.roles.begin(), layout.roles.end());
  }
  layout.remark = "names its axes fastest first, as GGML does";
  return layout;
}

// No model is known: the first axis that is as long as the tokens is the tokens'.
Result<Layout> guess(const RawValue& value, const LayoutWish& wish) {
  std::vector<int64_t> shape = value.shape;
  while (shape.size() > 1 && shape.front() == 1) shape.erase(shape.begin());
  if (shape.size() < 2) return rows_first({1, 1, value.elements()});
  if (shape.size() == 2) return rows_first({shape[0], 1, shape[1]});
  while (shape.size() > 3) {
    shape[shape.size() - 2] *= shape.back();
    shape.pop_back();
  }
  const bool heads_lead = shape[0] != wish.n_tokens && shape[1] == wish.n_tokens && wish.n_tokens > 0;
  if (heads_lead) return heads_first({shape[1], shape[0], shape[2]});
  return rows_first({shape[0], shape[1], shape[2]});
}

}  // namespace

bool is_score_like(Point point) { return point == Point::attn_scores || point == Point::attn_softmax; }

int64_t Layout::extent(Role role) const {
  for (size_t i = 0; i < roles.size(); ++i) {
    if (roles[i] == role) return extents[i];
  }
  return 1;
}

std::vector<int64_t> Layout::row_shape() const {
  if (extent(head) == 1) return {extent(column)};
  return {extent(head), extent(column)};
}

Result<Layout> find_layout(const RawValue& value, const LayoutWish& wish) {
  const int64_t n = value.elements();
  if (n == 0) return Error{ErrorCode::mismatch, "", "has no elements", ""};
  if (wish.row.empty()) return guess(value, wish);
  if (is_score_like(wish.at.point)) return choose_scores(value, wish);
  const int64_t row_size = product(wish.row);
  if (n % row_size != 0) return no_fit(value, wish, "it is no whole number of rows");
  const int64_t rows = n / row_size;
  if (wish.n_tokens > 0 && rows > wish.n_tokens) {
    return no_fit(value, wish,
                  "it has " + std::to_string(rows) + " rows, and the pass " + std::to_string(wish.n_tokens) +
                      " tokens");
  }
  const int64_t heads = wish.row.size() > 1 ? wish.row[0] : 1;
  return choose(value, wish, {rows, heads, row_size / heads});
}

}  // namespace kilter::analysis
