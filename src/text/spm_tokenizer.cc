#include "text/spm_tokenizer.h"

#include <optional>
#include <string>
#include <utility>

#include "text/pair_merger.h"
#include "text/unicode.h"
#include "text/vocabulary_tokenizer.h"

namespace kilter::text {
namespace {

class SpmTokenizer final : public VocabularyTokenizer {
 public:
  SpmTokenizer(Vocabulary vocabulary, SpecialMatcher specials, bool adds_space_prefix)
      : VocabularyTokenizer(std::move(vocabulary), std::move(specials)),
        adds_space_prefix_(adds_space_prefix) {}

  std::string_view model() const override { return "llama"; }
  std::string_view pre() const override { return {}; }

 protected:
  bool adds_space_prefix() const override { return adds_space_prefix_; }
  std::string unspell(const std::string& entry) const override { return lower_bars_to_spaces(entry); }

  void encode_text(std::string_view text, std::vector<int32_t>& ids) const override {
    const std::string spelled =
        spaces_to_lower_bars(adds_space_prefix_ ? " " + std::string(text) : std::string(text));
    PairMerger merger;
    for (size_t offset = 0; offset < spelled.size();) {
      const Utf8Step step = read_utf8(spelled, offset);
      const std::string_view character =
          std::string_view(spelled).substr(offset, step.well_formed ? step.length : 1);
      merger.add({character, vocabulary().find(character)});
      offset += character.size();
    }
    merger.merge(
        [this](const MergeSymbol& left, const MergeSymbol& right) { return find_merge(left, right); });
    merger.for_each([this, &ids](const MergeSymbol& symbol) { append(symbol, ids); });
  }

 private:
  std::optional<Merge> find_merge(const MergeSymbol& left, const MergeSymbol& right) const {
    const size_t bytes = left.text.size() + right.text.size();
    if (bytes > vocabulary().longest_entry()) return std::nullopt;
    const int32_t id = vocabulary().find(std::string_view(left.text.data(), bytes));
    if (id == kNoToken) return std::nullopt;
    return Merge{-static_cast<double>(vocabulary().score(id)), id};
  }

  void append(const MergeSymbol& symbol, std::vector<int32_t>& ids) const {
    if (symbol.symbol != kNoToken) {
      ids.push_back(symbol.symbol);
      return;
    }
    for (const char byte : symbol.text) {
      int32_t id = vocabulary().find_byte(static_cast<uint8_t>(byte));
      if (id == kNoToken) id = vocabulary().unknown();
      if (id != kNoToken) ids.push_back(id);
    }
  }

  bool adds_space_prefix_;
};

}  // namespace

Result<std::shared_ptr<const Tokenizer>> make_spm_tokenizer(const gguf::Metadata& metadata) {
  constexpr VocabularyRules kRules = {.bos = 1,
                                      .eos = 2,
                                      .unknown = 0,
                                      .defaults_are_control = false,
                                      .needs_scores = true,
                                      .adds_bos = true};
  KILTER_ASSIGN(Vocabulary vocabulary, Vocabulary::from_metadata(metadata, kRules));
  KILTER_ASSIGN(SpecialMatcher specials, SpecialMatcher::create(metadata, vocabulary));
  KILTER_ASSIGN(const bool adds_space_prefix, metadata.get_bool_or("tokenizer.ggml.add_space_prefix", true));
  return std::shared_ptr<const Tokenizer>(
      std::make_shared<SpmTokenizer>(std::move(vocabulary), std::move(specials), adds_space_prefix));
}

}  // namespace kilter::text
