#include "cli/suggest.h"

#include <algorithm>
#include <vector>

namespace kilter::cli {
namespace {

/// Edits between two words: optimal string alignment distance, one row of the table at a time.
size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  size_t best_edits = 0;
  for (const std::string_view candidate : candidates) {
    const size_t edits = edits_between(word, candidate);
    const bool near = 3 * edits <= std::max(word.size(), candidate.size());
    if (near && (best.empty() || edits < best_edits)) {
      best = candidate;
      best_edits = edits;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string_view match = nearest(word, candidates);
  return match.empty() ? "" : "did you mean " + std::string(match) + "?";
}

}  // namespace kilter::cli
