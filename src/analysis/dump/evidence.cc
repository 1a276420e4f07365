#include "analysis/dump/evidence.h"

#include <algorithm>
#include <cmath>

#include "quant/codec.h"

namespace kilter::analysis {
namespace {

// A reading is taken when it is closer than this, and the others are further than that. Quantised activations
// are 1e-4 away; the wrong order of random numbers is 2.
constexpr double kClose = 0.02;
constexpr double kFar = 0.2;

// Rows of an array whose elements are all there, as the value has them.
class WholeRows {
 public:
  static std::optional<WholeRows> load(const RawValue& value, const LayoutWish& wish) {
    if (value.piece || value.partial || wish.row.empty()) return std::nullopt;
    const auto layout = find_layout(value, wish);
    if (!layout) return std::nullopt;
    Part part;
    part.value = value;
    part.at = wish.at;
    part.layout = *layout;
    part.count = layout->extent(Layout::head) * layout->extent(Layout::column);
    ValueShape shape;
    shape.at = wish.at;
    shape.row = wish.row;
    for (int64_t r = 0; r < layout->rows(); ++r) part.rows.push_back(static_cast<int32_t>(r));
    shape.rows = part.rows;
    // Scores keep what stands behind a row's own position: they are looked at as they are.
    if (is_score_like(wish.at.point)) {
      part.at = shape.at = {Point::attn_mix, wish.at.il};
      shape.row.back() = layout->extent(Layout::column);
    }
    auto elements = gather({part}, shape);
    if (!elements || !elements->complete()) return std::nullopt;
    WholeRows rows;
    rows.values_ = std::move(elements->values);
    rows.size_ = part.count;
    return rows;
  }

  int64_t count() const { return static_cast<int64_t>(values_.size()) / size_; }
  std::vector<float> row(int64_t r) const {
    const auto begin = values_.begin() + r * size_;
    return {begin, begin + size_};
  }

 private:
  std::vector<float> values_;
  int64_t size_ = 1;
};

std::vector<float> in_gguf_order(const std::vector<float>& row, int64_t head) {
  std::vector<float> out(row.size());
  for (size_t i = 0; i < row.size(); ++i) {
    const auto in_head = static_cast<int64_t>(i) % head;
    const auto base = static_cast<int64_t>(i) - in_head;
    out[static_cast<size_t>(base + 2 * (in_head % (head / 2)) + in_head / (head / 2))] = row[i];
  }
  return out;
}

bool are_probabilities(const WholeRows& rows, int64_t length) {
  constexpr double kRounding = 0.01;  // of f16, and of prints
  for (int64_t r = 0; r < rows.count(); ++r) {
    const std::vector<float> row = rows.row(r);
    for (size_t begin = 0; begin < row.size(); begin += static_cast<size_t>(length)) {
      double sum = 0;
      for (size_t i = begin; i < begin + static_cast<size_t>(length); ++i) {
        if (!(row[i] >= 0 && row[i] <= 1 + kRounding)) return false;
        sum += row[i];
      }
      if (std::abs(sum - 1) > kRounding) return false;
    }
  }
  return rows.count() > 0;
}

bool is_in(Point point, const std::vector<At>& candidates) {
  return std::any_of(candidates.begin(), candidates.end(), [&](At at) { return at.point == point; });
}

// In front of RoPE the product, or it and the bias, fits at every position; behind RoPE at position 0 only.
std::optional<At> before_or_behind_rope(const NamedValue& entry, const Pass& pass, const Products& products,
                                        const Graph& graph) {
  const At turned = entry.candidates.back();
  const Node* rope = graph.find(turned);
  if (rope == nullptr || rope->inputs.empty()) return std::nullopt;
  // At position 0 both are the same numbers.
  if (pass.base == 0 && pass.n_tokens == 1 && entry.candidates.size() == 2) return entry.candidates[0];
  const auto rows = WholeRows::load(entry.value, wish_for(turned, FirstAxis::tokens, pass, &graph));
  if (!rows || rows->count() != pass.n_tokens) return std::nullopt;
  const std::vector<float> seen = rows->row(pass.n_tokens - 1);
  for (const At candidate : entry.candidates) {
    const auto expected = candidate == turned ? std::nullopt : products.row(candidate, pass.n_tokens - 1);
    if (expected && distance(seen, *expected) < kClose) return candidate;
  }
  const auto before = products.row(rope->inputs[0], pass.n_tokens - 1);
  if (!before) return std::nullopt;
  // RoPE leaves each pair as long as it was, whatever pairs it turned.
  double length = 0;
  double wanted = 0;
  for (const float x : seen) length += double{x} * x;
  for (const float x : *before) wanted += double{x} * x;
  const bool same_length = std::abs(length - wanted) < kClose * wanted;
  return distance(seen, *before) > kFar && same_length ? std::optional(turned) : std::nullopt;
}

}  // namespace

std::optional<std::vector<float>> weight_row(const Weight* weight, int64_t row) {
  if (weight == nullptr || row < 0 || row >= weight->rows || weight->cols < 1) return std::nullopt;
  if (static_cast<int64_t>(weight->bytes.size()) != weight->rows * weight->row_bytes()) return std::nullopt;
  std::vector<float> values(static_cast<size_t>(weight->cols));
  if (!quant::decode(weight->type, weight->row(row), values).ok()) return std::nullopt;
  return values;
}

double distance(const std::vector<float>& seen, const std::vector<float>& expected) {
  double difference = 0;
  double size = 0;
  for (size_t i = 0; i < std::min(seen.size(), expected.size()); ++i) {
    const double d = double{seen[i]} - expected[i];
    difference += d * d;
    size += double{expected[i]} * expected[i];
  }
  return size > 0 && std::isfinite(difference) ? difference / size : INFINITY;
}

std::optional<std::vector<float>> Products::norm_row(int il, int64_t t) const {
  const At norm{Point::attn_norm, il};
  for (const NamedValue& entry : pass_.values) {
    if (!entry.name || !(entry.name->at == norm) || entry.name->aspect != Aspect::plain) continue;
    const auto rows = WholeRows::load(entry.value, wish_for(norm, FirstAxis::tokens, pass_, &graph_));
    if (rows && rows->count() == pass_.n_tokens) return rows->row(t);
  }
  return il == 0 ? first_norm_row(t) : std::nullopt;
}

std::optional<std::vector<float>> Products::first_norm_row(int64_t t) const {
  const Node* embed = graph_.find(at(Point::token_embd));
  const Node* norm = graph_.find(at(0, Point::attn_norm));
  const auto token = static_cast<size_t>(pass_.base + t);
  if (embed == nullptr || norm == nullptr || token >= tokens_.size()) return std::nullopt;
  auto x = weight_row(embed->weight, tokens_[token]);
  const auto factors = weight_row(norm->weight, 0);
  if (!x || !factors || x->size() != factors->size()) return std::nullopt;
  double squares = 0;
  for (const float v : *x) squares += double{v} * v;
  const double scale = 1 / std::sqrt(squares / static_cast<double>(x->size()) + double{norm->number});
  for (size_t i = 0; i < x->size(); ++i) (*x)[i] = static_cast<float>((*x)[i] * scale * (*factors)[i]);
  return x;
}

std::optional<std::vector<float>> Products::row(At product, int64_t t) const {
  const Node* node = graph_.find(product);
  if (node != nullptr && node->op == "add_bias" && !node->inputs.empty()) {
    auto sum = row(node->inputs[0], t);
    const auto bias = weight_row(node->weight, 0);
    if (!sum || !bias || sum->size() != bias->size()) return std::nullopt;
    for (size_t i = 0; i < sum->size(); ++i) (*sum)[i] += (*bias)[i];
    return sum;
  }
  const auto x = node == nullptr ? std::nullopt : norm_row(product.il, t);
  if (!x || node->weight == nullptr || node->weight->cols != static_cast<int64_t>(x->size()))
    return std::nullopt;
  std::vector<float> out;
  for (int64_t r = 0; r < node->weight->rows; ++r) {
    const auto w = weight_row(node->weight, r);
    if (!w) return std::nullopt;
    double sum = 0;
    for (size_t i = 0; i < w->size(); ++i) sum += double{(*w)[i]} * (*x)[i];
    out.push_back(static_cast<float>(sum));
  }
  return out;
}

std::optional<HeadOrder> head_order(const RawValue& value, const LayoutWish& wish, const Products& products,
                                    const Graph& graph) {
  if (wish.row.size() != 2 || wish.row[1] % 2 != 0) return std::nullopt;
  const auto rows = WholeRows::load(value, wish);
  const Node* node = graph.find(wish.at);
  if (!rows || rows->count() != wish.n_tokens || node == nullptr) return std::nullopt;
  const bool turned = node->op == "rope" && !node->inputs.empty();
  const auto expected = products.row(turned ? node->inputs[0] : wish.at, 0);
  if (!expected) return std::nullopt;
  const double gguf = distance(rows->row(0), *expected);
  const double other = distance(in_gguf_order(rows->row(0), wish.row[1]), *expected);
  if (gguf < kClose && other > kFar) return HeadOrder::gguf;
  if (other < kClose && gguf > kFar) return HeadOrder::hugging_face;
  return std::nullopt;
}

std::optional<At> which_of(const NamedValue& entry, const Pass& pass, const Products& products,
                           const Graph& graph) {
  const std::vector<At>& candidates = entry.candidates;
  if (candidates.size() == 2 && is_in(Point::attn_scores, candidates) &&
      is_in(Point::attn_softmax, candidates)) {
    const LayoutWish wish = wish_for(candidates[0], FirstAxis::heads, pass, &graph);
    const auto layout = find_layout(entry.value, wish);
    const auto rows = WholeRows::load(entry.value, wish);
    if (!rows) return std::nullopt;
    const bool softmax = are_probabilities(*rows, layout->extent(Layout::column));
    return At{softmax ? Point::attn_softmax : Point::attn_scores, candidates[0].il};
  }
  const bool query = is_in(Point::attn_q, candidates) && is_in(Point::attn_q_rope, candidates);
  const bool key = is_in(Point::attn_k, candidates) && is_in(Point::attn_k_rope, candidates);
  if (!(query || key)) return std::nullopt;
  return before_or_behind_rope(entry, pass, products, graph);
}

void weigh_evidence(std::vector<Pass>& passes, const Graph& graph, Dump& dump) {
  std::optional<HeadOrder> order;
  for (const Pass& pass : passes) {
    const Products products(pass, dump.tokens, graph);
    for (const NamedValue& entry : pass.values) {
      if (order || !entry.name || entry.name->order != HeadOrder::hugging_face || pass.base != 0) continue;
      if (entry.name->aspect == Aspect::fused_qkv) continue;
      const At place =
          entry.name->aspect == Aspect::with_bias ? behind_bias(entry.name->at, &graph) : entry.name->at;
      order = head_order(entry.value, wish_for(place, entry.name->first, pass, &graph), products, graph);
      if (order != HeadOrder::gguf) continue;
      dump.remarks.push_back({entry.value.name,
                              "and the other queries and keys have GGUF's order inside a head: that "
                              "fits the weights, and Hugging Face's does not"});
    }
  }
  for (Pass& pass : passes) {
    const Products products(pass, dump.tokens, graph);
    for (NamedValue& entry : pass.values) {
      if (entry.name && entry.name->order == HeadOrder::hugging_face && order) entry.name->order = *order;
      if (entry.name || entry.candidates.size() < 2) continue;
      const auto found = which_of(entry, pass, products, graph);
      if (!found) continue;
      const FirstAxis first = is_score_like(found->point) ? FirstAxis::heads : FirstAxis::tokens;
      entry.name =
          NameMatch{*found, Aspect::plain, HeadOrder::gguf, first, "llama2.c's name, and its numbers"};
    }
  }
}

}  // namespace kilter::analysis
