#include "text/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "text/special_entries.h"

namespace kilter::text {
namespace {

TokenType to_token_type(int64_t number) {
  const bool known = number >= 0 && number <= static_cast<int64_t>(TokenType::byte);
  return known ? static_cast<TokenType>(number) : TokenType::undefined;
}

Error wrong_length(std::string_view key, size_t length, size_t entries) {
  return {ErrorCode::corrupt, std::string(key),
          fmt::format("expected a value for each of the {} entries, the file has {}", entries, length),
          "convert the model again"};
}

}  // namespace

std::string byte_entry(uint8_t byte) { return fmt::format("<0x{:02X}>", byte); }

Result<Vocabulary> Vocabulary::from_metadata(const gguf::Metadata& metadata, const VocabularyRules& rules) {
  Vocabulary vocabulary;
  KILTER_TRY(vocabulary.read_lists(metadata, rules));
  KILTER_TRY(vocabulary.read_special_ids(metadata, rules));
  KILTER_TRY(vocabulary.find_ends_of_generation(metadata));
  vocabulary.correct_types();
  return vocabulary;
}

Status Vocabulary::read_lists(const gguf::Metadata& metadata, const VocabularyRules& rules) {
  constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
  constexpr std::string_view kTypes = "tokenizer.ggml.token_type";
  constexpr std::string_view kScores = "tokenizer.ggml.scores";

  KILTER_ASSIGN(const std::vector<std::string>* entries, metadata.get_strings(kTokens));
  constexpr size_t kMostEntries = INT32_MAX;
  if (entries->empty() || entries->size() > kMostEntries) {
    return Error{ErrorCode::corrupt, std::string(kTokens),
                 fmt::format("expected 1 to {} entries, the file has {}", kMostEntries, entries->size()),
                 "convert the model again"};
  }
  entries_ = *entries;
  for (size_t id = 0; id < entries_.size(); ++id) {
    if (entries_[id].empty()) continue;  // padding: never in any text
    ids_[entries_[id]] = static_cast<int32_t>(id);
    longest_entry_ = std::max(longest_entry_, entries_[id].size());
  }

  types_.assign(entries_.size(), TokenType::normal);
  if (metadata.find(kTypes) != nullptr) {
    KILTER_ASSIGN(const std::vector<int64_t> types, metadata.get_ints(kTypes));
    if (types.size() != entries_.size()) return wrong_length(kTypes, types.size(), entries_.size());
    std::transform(types.begin(), types.end(), types_.begin(), to_token_type);
  }
  if (rules.needs_scores) {
    KILTER_ASSIGN(scores_, metadata.get_floats(kScores));
    if (scores_.size() != entries_.size()) return wrong_length(kScores, scores_.size(), entries_.size());
    const auto bad =
        std::find_if(scores_.begin(), scores_.end(), [](float score) { return std::isnan(score); });
    if (bad != scores_.end()) {
      return Error{ErrorCode::corrupt, std::string(kScores),
                   fmt::format("the score of entry {} is not a number", bad - scores_.begin()), ""};
    }
  }
  return {};
}

int32_t Vocabulary::default_id(int32_t id, const VocabularyRules& rules) const {
  if (id < 0 || id >= size()) return kNoToken;
  return rules.defaults_are_control && type(id) != TokenType::control ? kNoToken : id;
}

Result<int32_t> Vocabulary::read_id(const gguf::Metadata& metadata, std::string_view key,
                                    int32_t fallback) const {
  if (metadata.find(key) == nullptr) return fallback;
  KILTER_ASSIGN(const uint64_t id, metadata.get_uint(key));
  return id < entries_.size() ? static_cast<int32_t>(id) : fallback;
}

Status Vocabulary::read_special_ids(const gguf::Metadata& metadata, const VocabularyRules& rules) {
  KILTER_ASSIGN(bos_, read_id(metadata, "tokenizer.ggml.bos_token_id", default_id(rules.bos, rules)));
  KILTER_ASSIGN(eos_, read_id(metadata, "tokenizer.ggml.eos_token_id", default_id(rules.eos, rules)));
  KILTER_ASSIGN(unknown_,
                read_id(metadata, "tokenizer.ggml.unknown_token_id", default_id(rules.unknown, rules)));
  KILTER_ASSIGN(adds_bos_, metadata.get_bool_or("tokenizer.ggml.add_bos_token", rules.adds_bos));
  KILTER_ASSIGN(adds_eos_, metadata.get_bool_or("tokenizer.ggml.add_eos_token", false));
  return {};
}

Status Vocabulary::find_ends_of_generation(const gguf::Metadata& metadata) {
  ends_generation_.assign(entries_.size(), false);
  const auto mark = [this](int32_t id) {
    if (id != kNoToken) ends_generation_[static_cast<size_t>(id)] = true;
  };
  mark(eos_);
  for (const EndRole& role : end_roles()) {
    std::optional<int32_t> named;
    for (const std::string_view key : role.keys) {
      KILTER_ASSIGN(const int32_t id, read_id(metadata, key, kNoToken));
      if (id != kNoToken) named = id;
    }
    if (named) mark(*named);
    if (named && role.texts_only_without_key) continue;
    for (const std::string_view text : role.texts) mark(find(text));
  }
  return {};
}

void Vocabulary::correct_types() {
  const auto set_type = [this](std::string_view text, TokenType type) {
    if (const int32_t id = find(text); id != kNoToken) types_[static_cast<size_t>(id)] = type;
  };
  for (const EndRole& role : end_roles()) {
    for (const std::string_view text : role.texts) set_type(text, TokenType::control);
  }
  for (const TypeCorrection& correction : type_corrections()) set_type(correction.text, correction.type);
  for (const EndException& exception : end_exceptions()) {
    const int32_t id = find(exception.text);
    const bool applies = std::all_of(exception.companions.begin(), exception.companions.end(),
                                     [this](std::string_view text) { return find(text) != kNoToken; });
    if (id == kNoToken || id == eos_ || !applies) continue;
    ends_generation_[static_cast<size_t>(id)] = false;
    types_[static_cast<size_t>(id)] = exception.type;
  }
}

int32_t Vocabulary::find(std::string_view text) const {
  const auto found = ids_.find(text);
  return found == ids_.end() ? kNoToken : found->second;
}

int32_t Vocabulary::find_byte(uint8_t byte) const {
  const int32_t id = find(byte_entry(byte));
  const char alone = static_cast<char>(byte);
  return id != kNoToken ? id : find(std::string_view(&alone, 1));
}

}  // namespace kilter::text
