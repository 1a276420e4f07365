// A byte for every code point: what the patterns of a pre-tokenizer cannot tell apart gets the same byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kilter/result.h"
#include "text/code_point_set.h"

namespace kilter::text {

/// Text as the patterns see it: a byte a character.
struct ClassText {
  std::string classes;
  std::vector<size_t> byte_ends;  ///< byte_ends[i]: where character i ends in the UTF-8 text
};

/// The regular expressions of the pre-tokenizers ask of a character only whether it is in one of a few sets,
/// so we match them over bytes that name the character's class. It makes the answer independent of the
/// Unicode tables inside the regular expression library, and matching is several times faster than in its UTF
/// mode. ASCII characters stay themselves; classes of other characters are the bytes 80..FF.
class Alphabet {
 public:
  /// An alphabet that tells apart everything that `sets` do.
  /// Errors: unsupported, when there are more than 128 classes.
  static Result<Alphabet> create(const std::vector<const CodePointSet*>& sets);

  /// Ill-formed UTF-8 counts as U+FFFD, a character for each byte.
  ClassText classify(std::string_view text) const;

  /// `set` as PCRE2 spells it over class bytes, such as `[\x30-\x39\x82]`.
  std::string spell(const CodePointSet& set) const;

 private:
  std::vector<uint8_t> class_of_;         // by code point
  std::vector<char32_t> representative_;  // by class: one code point of it
};

}  // namespace kilter::text
