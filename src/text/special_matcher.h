// Finds special tokens that are written out in a text.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "gguf/metadata.h"
#include "kilter/result.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace kilter::text {

/// A part of a text: a special token, or ordinary text.
struct Fragment {
  std::string_view text;     ///< of ordinary text; never empty there
  int32_t token = kNoToken;  ///< kNoToken for ordinary text
};

/// Knows the entries of type control, user-defined and unknown. Immutable.
class SpecialMatcher {
 public:
  /// `metadata` tells the families whose special tokens swallow the white space beside them.
  /// Errors: corrupt, naming the key.
  static Result<SpecialMatcher> create(const gguf::Metadata& metadata, const Vocabulary& vocabulary);

  /// Cuts `text` at special tokens. The longest entry is looked for first and everywhere, then the next
  /// longest in what remains; of equally long ones the lower id comes first. as_text leaves out control and
  /// unknown entries: user-defined ones are ordinary words that must not be cut, so they are always found.
  std::vector<Fragment> cut(std::string_view text, SpecialTokens special) const;

 private:
  struct Special {
    std::string text;
    int32_t id;
    TokenType type;
    bool strips_left = false, strips_right = false;
  };
  static Status apply_families(const gguf::Metadata& metadata, std::vector<Special>& specials);
  static void cut_at(const Special& special, std::vector<Fragment>& fragments);

  std::vector<Special> specials_;
};

}  // namespace kilter::text
