// What all tokenizers share: special tokens around, and ordinary text in between.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/special_matcher.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace kilter::text {

/// A tokenizer over a Vocabulary. Models say how ordinary text is encoded and what an ordinary entry means.
class VocabularyTokenizer : public Tokenizer {
 public:
  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options) const final;
  std::string piece(int32_t id) const final;
  std::string decode(const std::vector<int32_t>& ids) const final;

  const std::string& entry(int32_t id) const final { return vocabulary_.entry(id); }
  int32_t size() const final { return vocabulary_.size(); }
  int32_t bos() const final { return vocabulary_.bos(); }
  int32_t eos() const final { return vocabulary_.eos(); }
  bool adds_bos() const final { return vocabulary_.adds_bos() && bos() != kNoToken; }
  bool ends_generation(int32_t id) const final;
  bool is_control(int32_t id) const final;

 protected:
  VocabularyTokenizer(Vocabulary vocabulary, SpecialMatcher specials);

  const Vocabulary& vocabulary() const { return vocabulary_; }
  /// Appends the ids of `text`, which is not empty, has no special token in it, and stands between special
  /// tokens or the ends of the whole text.
  virtual void encode_text(std::string_view text, std::vector<int32_t>& ids) const = 0;
  /// The bytes of an entry that is neither special nor a lone byte.
  virtual std::string unspell(const std::string& entry) const = 0;
  /// Whether encode_text() puts a space before the text.
  virtual bool adds_space_prefix() const = 0;

 private:
  bool in_vocabulary(int32_t id) const { return id >= 0 && id < size(); }

  Vocabulary vocabulary_;
  SpecialMatcher specials_;
};

/// `text` with each space as U+2581, and back.
std::string spaces_to_lower_bars(std::string_view text);
std::string lower_bars_to_spaces(std::string_view text);

}  // namespace kilter::text
