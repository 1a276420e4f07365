// Cuts text into the pieces in which byte pairs may be merged.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "kilter/result.h"
#include "text/alphabet.h"

namespace kilter::text {

/// What becomes of each match of a rule's pattern.
enum class SplitKind {
  isolate,         ///< the match is a piece, what lies between matches is a piece
  isolate_threes,  ///< the match is cut into groups of three from its right end: 12|345|678
  before_threes,   ///< a cut before each group of three counted from the right end, none around the match
};

struct SplitRule {
  SplitKind kind;
  std::string_view pattern;
};

/// The compiled rules of one pre-tokenizer. Immutable and safe to share between threads.
///
/// The first rule sees the whole text; each later one sees the pieces that the former left, one by one, so
/// that no match, lookahead or lookbehind crosses a cut.
class Splitter {
 public:
  /// Errors: unsupported, naming a pattern that cannot be compiled.
  static Result<Splitter> create(std::span<const SplitRule> rules);

  Splitter(Splitter&&) noexcept;
  Splitter& operator=(Splitter&&) noexcept;
  ~Splitter();

  /// Where each piece of `text` ends, in bytes, ascending; the last is text.size(). Empty for empty text.
  /// Every pattern in the table runs in time linear in the text. Should one ever reach PCRE2's match limit,
  /// the rest of the piece at hand stays in one piece.
  std::vector<size_t> piece_ends(std::string_view text) const;

 private:
  struct CompiledRule;
  Splitter(Alphabet alphabet, std::vector<CompiledRule> rules);

  Alphabet alphabet_;
  std::vector<CompiledRule> rules_;
};

}  // namespace kilter::text
