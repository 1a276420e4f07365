// The entries of a vocabulary and what the file says about them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gguf/metadata.h"
#include "kilter/result.h"

namespace kilter::text {

/// What no token id is: the answer when there is none.
inline constexpr int32_t kNoToken = -1;

/// Numbered as in tokenizer.ggml.token_type.
enum class TokenType : uint8_t { undefined, normal, unknown, control, user_defined, unused, byte };

/// What a tokenizer model says about its vocabularies where a file is silent.
struct VocabularyRules {
  int32_t bos, eos, unknown;  ///< ids when the file names none; taken only if the vocabulary has such entries
  bool defaults_are_control;  ///< take those only where the entry is of type control
  bool needs_scores;
  bool adds_bos;
};

/// Entries, types, scores and special ids.
class Vocabulary {
 public:
  /// Reads tokenizer.ggml.*. A special id outside the vocabulary counts as not given.
  /// Errors: not_found, corrupt, naming the key (no entries, lists of other lengths, scores that are no
  /// numbers).
  static Result<Vocabulary> from_metadata(const gguf::Metadata& metadata, const VocabularyRules& rules);

  Vocabulary(Vocabulary&&) noexcept = default;
  Vocabulary& operator=(Vocabulary&&) noexcept = default;
  Vocabulary(const Vocabulary&) = delete;  // ids_ points into entries_
  Vocabulary& operator=(const Vocabulary&) = delete;

  int32_t size() const { return static_cast<int32_t>(entries_.size()); }
  const std::string& entry(int32_t id) const { return entries_[static_cast<size_t>(id)]; }
  TokenType type(int32_t id) const { return types_[static_cast<size_t>(id)]; }
  /// Log probability of a unigram model; 0 when the file has none.
  float score(int32_t id) const { return scores_.empty() ? 0.0f : scores_[static_cast<size_t>(id)]; }

  /// Id of the entry spelled `text`, or kNoToken.
  int32_t find(std::string_view text) const;
  /// Id of "<0xE2>", or of the entry that is this single byte, or kNoToken.
  int32_t find_byte(uint8_t byte) const;
  /// Bytes of the longest entry.
  size_t longest_entry() const { return longest_entry_; }

  int32_t bos() const { return bos_; }
  int32_t eos() const { return eos_; }
  int32_t unknown() const { return unknown_; }
  bool adds_bos() const { return adds_bos_; }
  /// Overrules tokenizer.ggml.add_bos_token.
  void always_add_bos() { adds_bos_ = true; }
  bool adds_eos() const { return adds_eos_; }
  bool ends_generation(int32_t id) const { return ends_generation_[static_cast<size_t>(id)]; }

 private:
  Vocabulary() = default;
  Status read_lists(const gguf::Metadata& metadata, const VocabularyRules& rules);
  Status read_special_ids(const gguf::Metadata& metadata, const VocabularyRules& rules);
  int32_t default_id(int32_t id, const VocabularyRules& rules) const;
  Result<int32_t> read_id(const gguf::Metadata& metadata, std::string_view key, int32_t fallback) const;
  Status find_ends_of_generation(const gguf::Metadata& metadata);
  void correct_types();

  std::vector<std::string> entries_;
  std::vector<TokenType> types_;
  std::vector<float> scores_;
  std::vector<bool> ends_generation_;
  std::unordered_map<std::string_view, int32_t> ids_;
  size_t longest_entry_ = 0;
  int32_t bos_ = kNoToken, eos_ = kNoToken, unknown_ = kNoToken;
  bool adds_bos_ = false, adds_eos_ = false;
};

/// "<0xE2>": how vocabularies that are not byte-level spell a lone byte.
std::string byte_entry(uint8_t byte);

}  // namespace kilter::text
