#include "model/random/merge_builder.h"

#include <algorithm>
#include <limits>

namespace kilter {
namespace {

constexpr size_t kNoRank = std::numeric_limits<size_t>::max();

void join_at(std::vector<std::string>& pieces, size_t i) {
  pieces[i] += pieces[i + 1];
  pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(i) + 1);
}

}  // namespace

std::string MergeBuilder::key(const std::string& left, const std::string& right) const {
  return by_ == MergeBy::pair ? left + ' ' + right : left + right;
}

bool MergeBuilder::add_entry(const std::string& entry) {
  if (full() || !known_.insert(entry).second) return false;
  entries_.push_back(entry);
  return true;
}

void MergeBuilder::add_symbol(const std::string& symbol) { add_entry(symbol); }

void MergeBuilder::add_word(std::vector<std::string> symbols) {
  for (const std::string& symbol : symbols) {
    if (!known_.contains(symbol)) return;
  }
  merge_by_rank(symbols);
  while (symbols.size() > 1) {
    // Two merges may lead to one entry by different ways: then the second way is
    // left out, and the word with it.
    if (!add_entry(symbols[0] + symbols[1])) return;
    ranks_.emplace(key(symbols[0], symbols[1]), ranks_.size());
    merges_.push_back(symbols[0] + ' ' + symbols[1]);
    join_at(symbols, 0);
    merge_by_rank(symbols);
  }
}

// The leftmost pair of the lowest rank first, as the tokenizers do it.
void MergeBuilder::merge_by_rank(std::vector<std::string>& pieces) const {
  while (true) {
    size_t best = kNoRank;
    size_t best_at = 0;
    for (size_t i = 0; i + 1 < pieces.size(); ++i) {
      const auto found = ranks_.find(key(pieces[i], pieces[i + 1]));
      if (found == ranks_.end() || found->second >= best) continue;
      best = found->second;
      best_at = i;
    }
    if (best == kNoRank) return;
    join_at(pieces, best_at);
  }
}

}  // namespace kilter
