// Rows of weights as the other engine decoded them.
#include <algorithm>
#include <memory>

#include "analysis/dump/assemble.h"
#include "analysis/dump/evidence.h"

namespace kilter::analysis {
namespace {

const Node* node_of(std::string_view tensor, const Graph* graph) {
  if (graph == nullptr) return nullptr;
  for (const Node& node : graph->nodes()) {
    if (node.weight != nullptr && node.weight->name == tensor) return &node;
  }
  return nullptr;
}

// Rows of [rows, cols], cut out of an array of them.
struct RowRange {
  int64_t begin = 0;  // of the array
  int64_t count = 0;
};

class WeightMaker {
 public:
  WeightMaker(RawValue value, WeightMatch match, const DumpContext& context, Dump& dump)
      : value_(std::make_shared<const RawValue>(std::move(value))),
        match_(std::move(match)),
        node_(node_of(match_.tensor, context.graph)),
        context_(context),
        dump_(dump) {}

  void make() {
    if (context_.graph != nullptr && node_ == nullptr)
      return note("is no weight that this model's pass uses");
    const int64_t n = value_->elements();
    if (n == 0) return note("has no elements");
    const RowPiece piece = value_->piece.value_or(RowPiece{});
    first_row_ = piece.row;
    cols_ = node_ != nullptr ? node_->weight->cols
                             : piece.first + (value_->shape.empty() ? n : value_->shape.back());
    const bool part = piece.first > 0 || (value_->piece && n < cols_);
    rows_ = part ? 0 : n / cols_;
    total_ = node_ != nullptr ? node_->weight->rows : first_row_ + std::max<int64_t>(rows_, 1);
    head_ = first_row_ <= total_ - rows_ ? head_rows() : 0;
    if (part) return make_piece();
    if (n % cols_ != 0)
      return note("is " + shape_text(value_->shape) + ", which is no whole rows of " + std::to_string(cols_));
    if (first_row_ > total_ - rows_) return note("has rows behind the last one");
    const std::vector<int64_t>& shape = value_->shape;
    if (shape.size() == 2 && shape[0] == cols_ && shape[1] == rows_ && rows_ != cols_) {
      if (value_->reversed == ReversedShape::transposed) return note("is transposed");
      dump_.remarks.push_back(
          {value_->name, "names its axes fastest first, as GGML does; its memory is taken as it lies"});
    }
    make_rows();
  }

 private:
  void note(std::string sentence) { dump_.unmatched.push_back({value_->name, std::move(sentence)}); }

  ObservedWeight weight(int64_t first_row, int64_t rows) const {
    ObservedWeight made;
    made.tensor = match_.tensor;
    made.first_row = first_row;
    made.rows = rows;
    made.cols = cols_;
    made.quantum = value_->quantum;
    made.source = value_->name;
    return made;
  }

  void make_piece() {
    const RowPiece piece = *value_->piece;
    const int64_t n = value_->elements();
    if (piece.first > cols_ - n || piece.row >= total_) return note("is said to lie outside of its row");
    ObservedWeight made = weight(ours(piece.row), 1);
    made.load = [value = value_, piece, cols = cols_]() -> Result<Elements> {
      KILTER_ASSIGN(const RawElements raw, value->load());
      Elements out{std::vector<float>(static_cast<size_t>(cols)),
                   std::vector<uint8_t>(static_cast<size_t>(cols))};
      for (size_t i = 0; i < raw.values.size(); ++i) {
        const int64_t index = raw.index.empty() ? static_cast<int64_t>(i) : raw.index[i];
        const auto at = static_cast<size_t>(std::clamp<int64_t>(piece.first + index, 0, cols - 1));
        out.values[at] = raw.values[i];
        out.known[at] = 1;
      }
      return out;
    };
    dump_.weights.push_back(std::move(made));
  }

  // GGUF's number of a row that Hugging Face counts as `row`.
  int64_t ours(int64_t row) const {
    const int64_t head = head_;
    if (head < 2) return row;
    const int64_t in_head = row % head;
    return row - in_head + 2 * (in_head % (head / 2)) + in_head / (head / 2);
  }

  int64_t head_rows() const {
    if (match_.order != HeadOrder::hugging_face || context_.graph == nullptr) return 0;
    const bool query = match_.tensor.find("attn_q") != std::string::npos;
    const int64_t heads = query ? context_.n_head : context_.n_head_kv;
    const Node* rope = context_.graph->find({query ? Point::attn_q_rope : Point::attn_k_rope, node_->at.il});
    if (rope == nullptr || rope->rope == nullptr || rope->rope->pairs != RopePairs::adjacent) return 0;
    const int64_t head = heads > 0 && total_ % (2 * heads) == 0 ? total_ / heads : 0;
    return head > 2 && is_in_gguf_order(head) ? 0 : head;
  }

  // Engines that read GGUF and keep Hugging Face's names: the first row that the two orders place apart
  // tells.
  bool is_in_gguf_order(int64_t head) const {
    const auto elsewhere_of = [&](int64_t row) {
      const int64_t in_head = row % head;
      return row - in_head + 2 * (in_head % (head / 2)) + in_head / (head / 2);
    };
    int64_t row = 0;  // of the array
    while (row < rows_ && elsewhere_of(first_row_ + row) == first_row_ + row) ++row;
    const int64_t elsewhere = elsewhere_of(first_row_ + row);
    const auto same = weight_row(node_->weight, first_row_ + row);
    const auto other = weight_row(node_->weight, elsewhere);
    const auto raw = same && other ? value_->load() : Result<RawElements>(RawElements{});
    const auto end = static_cast<size_t>((row + 1) * cols_);
    if (!raw || raw->values.size() < end || !raw->index.empty() ||
        value_->piece.value_or(RowPiece{}).first > 0)
      return false;
    const std::vector<float> seen(raw->values.begin() + row * cols_,
                                  raw->values.begin() + static_cast<ptrdiff_t>(end));
    return distance(seen, *same) < distance(seen, *other);
  }

  void make_rows() {
    const bool whole = rows_ == total_;
    std::vector<int64_t> order;  // the array's row that is the weight's row first_row + i
    if (head_ > 1 && whole) {
      order.resize(static_cast<size_t>(rows_));
      for (int64_t row = 0; row < rows_; ++row) order[static_cast<size_t>(ours(row))] = row;
    }
    if (head_ > 1 && !whole) {
      for (int64_t row = 0; row < rows_; ++row) add(ours(first_row_ + row), {row, 1}, {});
      return;
    }
    add(first_row_, {0, rows_}, order);
  }

  void add(int64_t first_row, RowRange range, std::vector<int64_t> order) {
    ObservedWeight made = weight(first_row, range.count);
    made.load = [value = value_, range, order = std::move(order), cols = cols_]() -> Result<Elements> {
      KILTER_ASSIGN(const RawElements raw, value->load());
      const auto size = static_cast<size_t>(range.count * cols);
      Elements out{std::vector<float>(size), std::vector<uint8_t>(size)};
      std::vector<int64_t> place(order.size());
      for (size_t i = 0; i < order.size(); ++i)
        place[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
      for (size_t i = 0; i < raw.values.size(); ++i) {
        const int64_t index = raw.index.empty() ? static_cast<int64_t>(i) : raw.index[i];
        int64_t row = index / cols - range.begin;
        if (row < 0 || row >= range.count) continue;
        if (!place.empty()) row = place[static_cast<size_t>(row)];
        const auto at = static_cast<size_t>(row * cols + index % cols);
        out.values[at] = raw.values[i];
        out.known[at] = 1;
      }
      if (std::all_of(out.known.begin(), out.known.end(), [](uint8_t k) { return k != 0; }))
        out.known.clear();
      return out;
    };
    dump_.weights.push_back(std::move(made));
  }

  std::shared_ptr<const RawValue> value_;
  WeightMatch match_;
  const Node* node_;
  const DumpContext& context_;
  Dump& dump_;
  int64_t cols_ = 0;
  int64_t total_ = 0;
  int64_t first_row_ = 0;
  int64_t rows_ = 0;
  int64_t head_ = 0;  // rows of a head whose halves become pairs; 0: the order is GGUF's
};

}  // namespace

void take_weights(Pass& pass, const DumpContext& context, const UserNames* user, Dump& dump) {
  std::vector<NamedValue> others;
  for (NamedValue& entry : pass.values) {
    const auto match = match_weight(entry.value.name, user);
    if (!entry.value.weight && !match) {
      others.push_back(std::move(entry));
    } else if (!match) {
      dump.unmatched.push_back({entry.value.name, "is said to be a weight, and no weight has such a name"});
    } else {
      WeightMaker(std::move(entry.value), *match, context, dump).make();
    }
  }
  pass.values = std::move(others);
}

}  // namespace kilter::analysis
