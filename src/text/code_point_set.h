// Sets of Unicode code points, as regular expressions name them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace kilter::text {

/// Explicit ranges and general categories, perhaps negated, perhaps cut with other sets.
struct CodePointSet {
  struct Range {
    char32_t first, last;  ///< both included
  };
  std::vector<Range> ranges;
  uint32_t categories = 0;  ///< bit c: every code point whose utf8proc category is c
  bool negated = false;
  std::vector<CodePointSet>
      also_in;  ///< a code point must be in each of these too ("&&[...]"); not negated with us

  bool contains(char32_t code_point) const;

  /// Adds what `\p{name}` means: a general category (L, Lu, N, Nd, P, S, M ...) or the script Han. False when
  /// the name is not known here.
  bool add_property(std::string_view name);
  void add_white_space();      ///< `\s`: the Unicode property White_Space
  void add_word_characters();  ///< `\w`: what is Alphabetic, marks, decimal digits, connector punctuation
  void add_decimal_digits();   ///< `\d`: category Nd
};

/// General category of a code point, numbered as utf8proc_category_t (0..29); 0 for what is not assigned.
uint32_t general_category(char32_t code_point);

}  // namespace kilter::text
