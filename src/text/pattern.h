// Reads the regular expressions of the pre-tokenizers into plain text and code point sets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kilter/result.h"
#include "text/code_point_set.h"

namespace kilter::text {

/// A stretch of an expression: either ASCII that PCRE2 reads as it stands (letters, groups, quantifiers,
/// assertions), or one set, from `[...]`, `\p{..}`, `\s`, `\S`, `\d`, `\w` or a character outside ASCII.
struct PatternPart {
  std::string syntax;  ///< empty for a set
  CodePointSet set;

  bool is_set() const { return syntax.empty(); }
};

/// Splits `pattern` (UTF-8) into its parts. Inside brackets it knows ranges, escapes, properties and
/// `&&[...]`. Errors: unsupported, naming the pattern, for an unknown property or a bracket that is never
/// closed.
Result<std::vector<PatternPart>> parse_pattern(std::string_view pattern);

}  // namespace kilter::text
