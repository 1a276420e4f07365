// Greedy merging of neighbours, best pair first: the heart of both SPM and byte-pair encoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <queue>
#include <string_view>
#include <vector>

namespace kilter::text {

/// What two neighbours would become.
struct Merge {
  double rank;     ///< the lowest is merged first; of equal ranks, the leftmost pair
  int32_t symbol;  ///< the caller's number for the result
};

/// A stretch of the text and the caller's number for it.
struct MergeSymbol {
  std::string_view text;
  int32_t symbol;
};

/// Merges the symbols of one piece of text. Its memory is kept from piece to piece. For n symbols it takes
/// O(n log n) steps: neighbours are linked, and candidates wait in a heap where outdated ones are left
/// behind.
class PairMerger {
 public:
  /// Forgets the last piece.
  void clear();
  /// Adds a symbol at the end; its text follows the last symbol's directly, in the same string.
  void add(MergeSymbol symbol);
  /// Merges until `find(left, right)`, which gives std::optional<Merge>, knows no neighbours any more.
  template <typename Find>
  void merge(const Find& find);
  /// Calls `visit(symbol)` for what is left, in the order of the text.
  template <typename Visit>
  void for_each(const Visit& visit) const;

 private:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  struct Node {
    MergeSymbol content;
    size_t previous, next;
  };
  struct Candidate {
    double rank;
    size_t left, right;
    size_t bytes;  // of both; a candidate is outdated when one of the two has grown or gone
    int32_t symbol;

    bool operator<(const Candidate& other) const {  // std::priority_queue has the greatest on top
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };

  size_t bytes(size_t node) const { return nodes_[node].content.text.size(); }
  void join(const Candidate& candidate);
  template <typename Find>
  void consider(size_t left, size_t right, const Find& find);

  std::vector<Node> nodes_;
  std::priority_queue<Candidate> candidates_;
};

inline void PairMerger::clear() { nodes_.clear(); }

inline void PairMerger::add(MergeSymbol symbol) {
  const size_t index = nodes_.size();
  if (index > 0) nodes_.back().next = index;
  nodes_.push_back({symbol, index > 0 ? index - 1 : kNone, kNone});
}

inline void PairMerger::join(const Candidate& candidate) {
  Node& left = nodes_[candidate.left];
  Node& right = nodes_[candidate.right];
  left.content = {std::string_view(left.content.text.data(), candidate.bytes), candidate.symbol};
  right.content.text = {};
  left.next = right.next;
  if (right.next != kNone) nodes_[right.next].previous = candidate.left;
}

template <typename Find>
void PairMerger::consider(size_t left, size_t right, const Find& find) {
  if (left == kNone || right == kNone) return;
  const std::optional<Merge> merge = find(nodes_[left].content, nodes_[right].content);
  if (merge) candidates_.push({merge->rank, left, right, bytes(left) + bytes(right), merge->symbol});
}

template <typename Find>
void PairMerger::merge(const Find& find) {
  for (size_t i = 1; i < nodes_.size(); ++i) consider(i - 1, i, find);
  while (!candidates_.empty()) {
    const Candidate best = candidates_.top();
    candidates_.pop();
    const size_t left_bytes = bytes(best.left), right_bytes = bytes(best.right);
    if (left_bytes == 0 || right_bytes == 0 || left_bytes + right_bytes != best.bytes) continue;
    join(best);
    consider(nodes_[best.left].previous, best.left, find);
    consider(best.left, nodes_[best.left].next, find);
  }
}

template <typename Visit>
void PairMerger::for_each(const Visit& visit) const {
  for (size_t i = nodes_.empty() ? kNone : 0; i != kNone; i = nodes_[i].next) visit(nodes_[i].content);
}

}  // namespace kilter::text
