// A matrix taken for another arrangement of the same numbers.
#include <algorithm>

#include "analysis/bugs/weights/weight_bugs.h"

namespace kilter::analysis {
namespace {

constexpr const char* kAsItLies = "[n_out][n_in] used as [n_in][n_out]";
constexpr const char* kTurned = "transposed in memory, then used as [n_out][n_in]";

// W'[o, i] = flat[i * n_out + o]
ElementSource as_it_lies(int64_t n_out) {
  return [n_out](int64_t o, int64_t i) { return i * n_out + o; };
}

// T[i * n_out + o] = W[o, i], and W' reads T row by row.
ElementSource turned(int64_t n_out, int64_t n_in) {
  return [n_out, n_in](int64_t o, int64_t i) {
    const int64_t place = o * n_in + i;
    return place % n_out * n_in + place / n_out;
  };
}

// An embedding table that is nobody's LM head is read by rows: embedding-column.
bool is_multiplied(const Weight& w, const ReplayModel& model) {
  return std::any_of(model.graph->nodes().begin(), model.graph->nodes().end(),
                     [&](const Node& node) { return is_matmul(node) && node.weight->name == w.name; });
}

std::vector<Reading> layouts(const Weight& w, const ReplayModel& model) {
  if (!is_matrix(w) || !is_multiplied(w, model)) return {};
  return {by_element(kAsItLies, as_it_lies(w.rows)), by_element(kTurned, turned(w.rows, w.cols))};
}

constexpr BugInfo kLayout{
    .id = "weight-layout",
    .title = "A weight matrix is used in the wrong layout",
    .cause =
        "GGUF stores y = W x as n_out rows of n_in contiguous numbers and writes the shape as [n_in, n_out]; "
        "the "
        "engine uses the buffer the other way round.",
    .fix =
        "Reverse the shape, never the data: a tensor with ne = [n_in, n_out] is a row-major [n_out][n_in] "
        "array, and "
        "y[o] = sum over i of W[o * n_in + i] * x[i].",
    .rank = 4,
    .next_measurement =
        "dump attn_q, attn_k and ffn_down of layer 0: which matrices are wrong is the diagnosis"};

/// In a square matrix the two readings are one.
class LayoutBug final : public WeightBugEntry {
 public:
  LayoutBug() : WeightBugEntry(kLayout, layouts, Reach::group, is_matmul) {}

  std::vector<Trial> trials(const Suspect& suspect) const override {
    std::vector<Trial> found = WeightBugEntry::trials(suspect);
    const bool all_square = std::all_of(suspect.segment.begin(), suspect.segment.end(), [](const Node* node) {
      return !is_matmul(*node) || node->weight->rows == node->weight->cols;
    });
    if (all_square)
      std::erase_if(found, [](const Trial& trial) { return trial.detail.starts_with(kTurned); });
    return found;
  }
};

std::vector<Reading> columns(const Weight& w, const ReplayModel&) {
  if (w.name != "token_embd.weight" || !is_matrix(w)) return {};
  return {by_element("element i of token t taken from i * n_vocab + t", as_it_lies(w.rows)),
          by_element("the table transposed in memory, then read by rows", turned(w.rows, w.cols))};
}

std::vector<Reading> neighbours(const Weight& w, const ReplayModel&) {
  if (w.name != "token_embd.weight" || !is_matrix(w)) return {};
  return {by_own_row("the row of token + 1", [](int64_t row) { return row + 1; }),
          by_own_row("the row of token - 1", [](int64_t row) { return row - 1; })};
}

// Products with a wrong idea of m, n, k or of the distance between rows. Square matrices cannot tell.
std::vector<Reading> dimensions(const Weight& w, const ReplayModel&) {
  const int64_t n_out = w.rows;
  const int64_t n_in = w.cols;
  if (!is_matrix(w) || n_out == n_in) return {};
  std::vector<Reading> found;
  if (n_out < n_in) {
    found.push_back(by_element("rows n_out numbers apart instead of n_in",
                               [=](int64_t o, int64_t i) { return o * n_out + i; }));
    found.push_back(by_element("n_out products summed instead of n_in",
                               [=](int64_t o, int64_t i) { return i < n_out ? o * n_in + i : -1; }));
    found.push_back(by_element("n_out products summed instead of n_in, rows n_out apart",
                               [=](int64_t o, int64_t i) { return i < n_out ? o * n_out + i : -1; }));
  } else {
    found.push_back(by_element("transposed, columns n_in numbers apart instead of n_out",
                               [=](int64_t o, int64_t i) { return i * n_in + o; }));
    found.push_back(by_element("n_in rows computed instead of n_out",
                               [=](int64_t o, int64_t i) { return o < n_in ? o * n_in + i : -1; }));
  }
  return found;
}

constexpr BugInfo kColumns{.id = "embedding-column",
                           .title = "The embedding row is gathered as a column",
                           .cause =
                               "token_embd.weight has n_vocab rows of n_embd contiguous numbers; the engine "
                               "takes every n_vocab-th number.",
                           .fix =
                               "Row t begins at t * n_embd elements (t * row_bytes in a quantised table); "
                               "copy n_embd numbers from there.",
                           .rank = 24,
                           .next_measurement = "dump token_embd of two tokens"};

constexpr BugInfo kNeighbours{
    .id = "embedding-row",
    .title = "The embedding is that of the next or the previous token id",
    .cause =
        "The engine looks up the row next to the token's: an off-by-one in the id or in the table's start.",
    .fix = "Use the id as it is: row t of token_embd.weight, counted from 0, no row for padding in front.",
    .rank = 24,
    .next_measurement = "print the ids that the engine looks up"};

constexpr BugInfo kDimensions{
    .id = "gemm-dims",
    .title = "The matrix product is called with wrong dimensions",
    .cause =
        "m, n and k or a leading dimension of the product are exchanged: the first output may be right, "
        "later ones "
        "are not.",
    .fix =
        "For a row-major W[n_out][n_in]: k = n_in, n = n_out, the leading dimension is n_in (with "
        "column-major BLAS: "
        "transposed, lda = n_in).",
    .rank = 14,
    .next_measurement = "dump all elements of the product; compare output 0 with output 1"};

}  // namespace

std::span<const Bug* const> layout_bugs() {
  static const LayoutBug layout;
  static const WeightBugEntry column(kColumns, columns, Reach::model, is_embed);
  static const WeightBugEntry neighbour(kNeighbours, neighbours, Reach::model, is_embed);
  static const WeightBugEntry gemm(kDimensions, dimensions, Reach::group, is_matmul);
  static const Bug* const all[] = {&layout, &column, &neighbour, &gemm};
  return all;
}

}  // namespace kilter::analysis
