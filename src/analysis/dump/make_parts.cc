// From named arrays to parts: aspects of names, axes, rows.
#include <algorithm>
#include <numeric>
#include <utility>

#include "analysis/dump/assemble.h"

namespace kilter::analysis {
namespace {

int64_t product(const std::vector<int64_t>& extents) {
  return std::accumulate(extents.begin(), extents.end(), int64_t{1}, std::multiplies<>());
}

std::string source_of(const RawValue& value) {
  return value.op.empty() ? value.name : value.name + " (" + value.op + ")";
}

class PartMaker {
 public:
  PartMaker(Pass& pass, const DumpContext& context, Dump& dump)
      : pass_(pass), context_(context), dump_(dump) {}

  void take(NamedValue& entry) {
    const NameMatch& name = *entry.name;
    if (name.aspect == Aspect::leftover) {
      ++leftovers_;
      return;
    }
    if (name.aspect == Aspect::fused_qkv) {
      return take_fused(entry.value, name, {Point::attn_q, Point::attn_k, Point::attn_v});
    }
    if (name.aspect == Aspect::fused_gate_up) {
      return take_fused(entry.value, name, {Point::ffn_gate, Point::ffn_up});
    }
    NameMatch match = name;
    if (match.aspect == Aspect::with_bias) match.at = behind_bias(match.at, context_.graph);
    if (!in_model(entry.value, match.at)) return;
    Part part;
    part.at = match.at;
    part.match = std::string(match.how);
    part.value = std::move(entry.value);
    const LayoutWish wish = wish_for(match.at, match.first, pass_, context_.graph);
    if (!lay_out(part, wish)) return;
    if (match.order == HeadOrder::hugging_face) set_head_pairs(part);
    if (match.aspect == Aspect::unscaled) set_scale(part);
    parts_.push_back(std::move(part));
  }

  std::vector<Part> finish() {
    if (leftovers_ > 0) {
      dump_.remarks.push_back(
          {std::to_string(leftovers_) + " values of llama.cpp",
           "are views, copies, the cache's memory, or norms before their weight: no values of "
           "ours, and not compared"});
    }
    return std::move(parts_);
  }

 private:
  void unmatched(const RawValue& value, std::string sentence) {
    dump_.unmatched.push_back({source_of(value), std::move(sentence)});
  }

  bool in_model(const RawValue& value, At at) {
    if (context_.graph == nullptr || context_.graph->find(at) != nullptr) return true;
    unmatched(value, "would be " + to_string(at) + ", which this model does not have");
    return false;
  }

  // Axes and rows of a whole array; false, with a note, where they do not fit.
  bool lay_out(Part& part, const LayoutWish& wish) {
    if (is_piece(part, wish)) return lay_out_piece(part, wish);
    const auto layout = find_layout(part.value, wish);
    if (!layout) {
      unmatched(part.value, layout.error().sentence);
      return false;
    }
    part.layout = *layout;
    if (!layout->remark.empty()) dump_.remarks.push_back({source_of(part.value), layout->remark});
    part.count = part.layout.extent(Layout::head) * part.layout.extent(Layout::column);
    return set_rows(part);
  }

  // Ten numbers of a run of one token need no word about where they stand.
  bool is_piece(Part& part, const LayoutWish& wish) {
    if (part.value.piece) return true;
    const bool few = !wish.row.empty() && !is_score_like(part.at.point) && !part.value.rows &&
                     part.value.elements() < product(wish.row) && part.value.elements() > 0;
    if (!few || pass_.n_tokens != 1) return false;
    dump_.remarks.push_back({source_of(part.value), "is shorter than a row of " + to_string(part.at) +
                                                        ", and is taken for the beginning of it"});
    part.value.piece = RowPiece{};
    return true;
  }

  bool lay_out_piece(Part& part, const LayoutWish& wish) {
    const RowPiece& piece = *part.value.piece;
    const int64_t n = part.value.elements();
    const int64_t size = wish.row.empty() ? piece.first + n : product(wish.row);
    const bool scores = is_score_like(part.at.point);
    // Whole rows from `row` on.
    const int64_t rows = !scores && piece.first == 0 && n > size && n % size == 0 ? n / size : 1;
    if (scores || n == 0 || piece.first > size || n / rows > size - piece.first ||
        piece.row > pass_.n_tokens - rows) {
      unmatched(part.value, "is said to be " + std::to_string(n) + " elements of row " +
                                std::to_string(piece.row) + " from " + std::to_string(piece.first) +
                                " on, and a row has " + std::to_string(size) + ", the pass " +
                                std::to_string(pass_.n_tokens) + " rows");
      return false;
    }
    part.layout.extents = {rows, 1, n / rows};
    part.count = n / rows;
    part.to = piece.first;
    part.value.partial = part.value.partial || n / rows < size;
    for (int64_t r = 0; r < rows; ++r) part.rows.push_back(static_cast<int32_t>(pass_.base + piece.row + r));
    return true;
  }

  bool set_rows(Part& part) {
    const int64_t n = part.layout.rows();
    const auto size = static_cast<size_t>(n);
    const auto rising = [](const std::vector<int32_t>& rows) {
      return std::adjacent_find(rows.begin(), rows.end(), std::greater_equal<>()) == rows.end();
    };
    if (part.value.rows) {
      const std::vector<int32_t>& told = *part.value.rows;
      const bool fits = told.size() == size && rising(told) && told[0] >= 0 && told.back() < pass_.n_tokens;
      if (fits) {
        for (const int32_t row : told) part.rows.push_back(row + static_cast<int32_t>(pass_.base));
        return true;
      }
      unmatched(part.value, "is said to have rows that are not in the pass, or not as many as it has");
      return false;
    }
    if (pass_.n_tokens > 0 && n > pass_.n_tokens) {
      unmatched(part.value, "has " + std::to_string(n) + " rows, and the pass has " +
                                std::to_string(pass_.n_tokens) + " tokens");
      return false;
    }
    const std::vector<int32_t>& told = pass_.file.positions;
    if (told.size() == size && rising(told) && told[0] >= pass_.base &&
        told.back() < pass_.base + pass_.n_tokens) {
      part.rows = told;
      return true;
    }
    const bool of_all = told.size() == static_cast<size_t>(pass_.n_tokens) && !told.empty();
    if (of_all && told[0] != pass_.base && !std::exchange(said_positions_, true)) {
      dump_.remarks.push_back(
          {pass_.file.path, "says that its tokens begin at position " + std::to_string(told[0]) +
                                ", and in the run they begin at " + std::to_string(pass_.base)});
    }
    // Fewer rows than tokens are the last ones: logits above all.
    const int64_t first = pass_.base + pass_.n_tokens - n;
    for (int64_t i = 0; i < n; ++i) part.rows.push_back(static_cast<int32_t>(first + i));
    return true;
  }

  void take_fused(RawValue& value, const NameMatch& name, const std::vector<Point>& points) {
    if (context_.graph == nullptr)
      return unmatched(value, "holds several values, which only the model's shapes tell apart");
    std::vector<int64_t> sizes;
    LayoutWish wish;
    for (const Point point : points) {
      const At at = behind_bias({point, name.at.il}, context_.graph);
      if (!in_model(value, at)) return;
      sizes.push_back(product(wish_for(at, FirstAxis::tokens, pass_, context_.graph).row));
    }
    wish.at = name.at;
    wish.n_tokens = pass_.n_tokens;
    wish.row = {std::accumulate(sizes.begin(), sizes.end(), int64_t{0})};
    Part whole;
    whole.at = name.at;
    whole.match = std::string(name.how);
    whole.value = std::move(value);
    if (!lay_out(whole, wish)) return;
    for (size_t i = 0; i < points.size(); ++i) {
      Part part = whole;
      part.at = behind_bias({points[i], name.at.il}, context_.graph);
      part.count = sizes[i];
      part.value.sums.clear();
      part.match += ", split";
      if (name.order == HeadOrder::hugging_face && points[i] != Point::attn_v) set_head_pairs(part);
      parts_.push_back(std::move(part));
      whole.first += sizes[i];
    }
  }

  // Converters to GGUF move the rows of q and k where rope turns adjacent pairs.
  void set_head_pairs(Part& part) {
    const bool query = part.at.point >= Point::attn_q && part.at.point <= Point::attn_q_rope;
    const Node* rope =
        context_.graph == nullptr
            ? nullptr
            : context_.graph->find({query ? Point::attn_q_rope : Point::attn_k_rope, part.at.il});
    if (rope == nullptr || rope->rope == nullptr || rope->rope->pairs != RopePairs::adjacent) return;
    if (rope->row.rank != 2 || rope->row[1] % 2 != 0) return;
    part.head_pairs = rope->row[1];
    part.value.sums.clear();
    if (std::exchange(said_order_, true)) return;
    dump_.remarks.push_back({source_of(part.value),
                             "and the other queries and keys have Hugging Face's order inside "
                             "a head; they are put into GGUF's"});
  }

  void set_scale(Part& part) {
    part.value.sums.clear();
    const Node* node = context_.graph == nullptr ? nullptr : context_.graph->find(part.at);
    if (node == nullptr) return;
    part.scale = node->number;
    part.value.quantum *= static_cast<double>(node->number);
    if (std::exchange(said_scale_, true)) return;
    dump_.remarks.push_back({source_of(part.value),
                             "and the other scores were written down before their scaling and "
                             "mask; both are applied to them"});
  }

  Pass& pass_;
  const DumpContext& context_;
  Dump& dump_;
  std::vector<Part> parts_;
  int leftovers_ = 0;
  bool said_order_ = false;
  bool said_scale_ = false;
  bool said_positions_ = false;
};

}  // namespace

At behind_bias(At at, const Graph* graph) {
  Point point = at.point;
  switch (at.point) {
    case Point::attn_q:
      point = Point::attn_q_bias;
      break;
    case Point::attn_k:
      point = Point::attn_k_bias;
      break;
    case Point::attn_v:
      point = Point::attn_v_bias;
      break;
    case Point::attn_output:
      point = Point::attn_output_bias;
      break;
    case Point::ffn_gate:
      point = Point::ffn_gate_bias;
      break;
    case Point::ffn_up:
      point = Point::ffn_up_bias;
      break;
    case Point::ffn_down:
      point = Point::ffn_down_bias;
      break;
    default:
      break;
  }
  const At biased{point, at.il};
  return graph != nullptr && graph->find(biased) != nullptr ? biased : at;
}

std::vector<Part> make_parts(Pass& pass, const DumpContext& context, Dump& dump) {
  PartMaker maker(pass, context, dump);
  for (NamedValue& entry : pass.values) {
    if (entry.name) maker.take(entry);
  }
  return maker.finish();
}

}  // namespace kilter::analysis
