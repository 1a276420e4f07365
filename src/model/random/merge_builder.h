// Grows a vocabulary by merging entries, so that a tokenizer can reach each of them.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace kilter {

/// What decides that two neighbours may be merged.
enum class MergeBy {
  result,  ///< SPM: that the joined piece is an entry
  pair,    ///< BPE: that this very pair is in the list of merges
};

/// The entries of a vocabulary in the order of their ranks; lower ranks merge first.
///
/// A word is added by merging it as far as the ranks known so far go, and then giving the first two pieces
/// that are left the next rank, until one piece is left. As the new rank is the last, it acts only where all
/// earlier ones have nothing to do; so the tokenizer takes the same steps, and later words cannot undo them.
class MergeBuilder {
 public:
  MergeBuilder(MergeBy by, size_t most_entries) : by_(by), most_entries_(most_entries) {}

  bool full() const { return entries_.size() >= most_entries_; }
  /// An entry that is not made by merging. Ignored when it is there already, or when the vocabulary is full.
  void add_symbol(const std::string& symbol);
  /// All entries on the way to the word that `symbols` spell, as far as there is room. Symbols that are no
  /// entries leave the word out.
  void add_word(std::vector<std::string> symbols);

  const std::vector<std::string>& entries() const { return entries_; }
  /// "left right", one for each entry that was made by merging.
  const std::vector<std::string>& merges() const { return merges_; }

 private:
  std::string key(const std::string& left, const std::string& right) const;
  void merge_by_rank(std::vector<std::string>& pieces) const;
  bool add_entry(const std::string& entry);

  MergeBy by_;
  size_t most_entries_;
  std::vector<std::string> entries_;
  std::vector<std::string> merges_;
  std::unordered_set<std::string> known_;
  std::unordered_map<std::string, size_t> ranks_;
};

}  // namespace kilter
