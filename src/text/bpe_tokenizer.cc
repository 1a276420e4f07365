#include "text/bpe_tokenizer.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "text/byte_level.h"
#include "text/merge_table.h"
#include "text/pair_merger.h"
#include "text/pre_tokenizers.h"
#include "text/splitter.h"
#include "text/unicode.h"
#include "text/vocabulary_tokenizer.h"

namespace kilter::text {
namespace {

/// Everything that makes one byte-pair tokenizer.
struct BpeParts {
  std::string model;
  const PreTokenizer* pre;
  Vocabulary vocabulary;
  SpecialMatcher specials;
  MergeTable merges;
  Splitter splitter;
};

class BpeTokenizer final : public VocabularyTokenizer {
 public:
  explicit BpeTokenizer(BpeParts parts)
      : VocabularyTokenizer(std::move(parts.vocabulary), std::move(parts.specials)),
        model_(std::move(parts.model)),
        pre_(*parts.pre),
        merges_(std::move(parts.merges)),
        splitter_(std::move(parts.splitter)) {
    for (size_t byte = 0; byte < byte_symbols_.size(); ++byte) {
      byte_symbols_[byte] = find_symbol(byte_character(static_cast<uint8_t>(byte)));
    }
  }

  std::string_view model() const override { return model_; }
  std::string_view pre() const override { return pre_.name; }

 protected:
  bool adds_space_prefix() const override { return false; }

  std::string unspell(const std::string& entry) const override {
    switch (pre_.spelling) {
      case Spelling::byte_level:
        return from_byte_level(entry).value_or(entry);
      case Spelling::utf8_lower_bar:
        return lower_bars_to_spaces(entry);
      case Spelling::utf8:
        break;
    }
    return entry;
  }

  void encode_text(std::string_view text, std::vector<int32_t>& ids) const override {
    if (pre_.spelling == Spelling::utf8_lower_bar) {
      encode_pieces(spaces_to_lower_bars(text), ids);
    } else {
      encode_pieces(text, ids);
    }
  }

 private:
  int32_t find_symbol(std::string_view text) const {
    const int32_t id = vocabulary().find(text);
    return id != kNoToken ? id : merges_.find_extra(text);
  }

  void encode_pieces(std::string_view text, std::vector<int32_t>& ids) const {
    PairMerger merger;
    size_t begin = 0;
    for (const size_t end : splitter_.piece_ends(text)) {
      const std::string_view piece = text.substr(begin, end - begin);
      begin = end;
      const int32_t whole = find_whole(piece);
      if (whole != kNoToken) {
        ids.push_back(whole);
      } else {
        encode_piece(piece, merger, ids);
      }
    }
  }

  int32_t find_whole(std::string_view piece) const {
    const bool newlines_only = piece.find_first_not_of('\n') == std::string_view::npos;
    const bool looks_it_up = pre_.whole_piece == WholePiece::take_if_entry ||
                             (pre_.whole_piece == WholePiece::take_newlines && newlines_only);
    if (!looks_it_up) return kNoToken;
    return pre_.spelling == Spelling::byte_level ? vocabulary().find(to_byte_level(piece))
                                                 : vocabulary().find(piece);
  }

  void encode_piece(std::string_view piece, PairMerger& merger, std::vector<int32_t>& ids) const {
    merger.clear();
    for (size_t offset = 0; offset < piece.size();) {
      const MergeSymbol symbol = first_symbol(piece, offset);
      merger.add(symbol);
      offset += symbol.text.size();
    }
    merger.merge([this](const MergeSymbol& left, const MergeSymbol& right) {
      return merges_.find(left.symbol, right.symbol);
    });
    merger.for_each([this, &ids](const MergeSymbol& symbol) { append(symbol, ids); });
  }

  MergeSymbol first_symbol(std::string_view piece, size_t offset) const {
    if (pre_.spelling == Spelling::byte_level) {
      return {piece.substr(offset, 1), byte_symbols_[static_cast<uint8_t>(piece[offset])]};
    }
    const Utf8Step step = read_utf8(piece, offset);
    const std::string_view character = piece.substr(offset, step.well_formed ? step.length : 1);
    return {character, find_symbol(character)};
  }

  void append(const MergeSymbol& symbol, std::vector<int32_t>& ids) const {
    if (symbol.symbol != kNoToken && symbol.symbol < size()) {
      ids.push_back(symbol.symbol);
      return;
    }
    for (const char c : symbol.text) {
      const int32_t id = find_byte(static_cast<uint8_t>(c));
      if (id != kNoToken) ids.push_back(id);
    }
  }

  /// Some vocabularies lack a few control bytes: these are left out, as the models' own tokenizers do.
  int32_t find_byte(uint8_t byte) const {
    const bool byte_level = pre_.spelling == Spelling::byte_level;
    return byte_level ? vocabulary().find(byte_character(byte)) : vocabulary().find_byte(byte);
  }

  std::string model_;
  const PreTokenizer& pre_;  // a row of the static table
  MergeTable merges_;
  Splitter splitter_;
  std::array<int32_t, 256> byte_symbols_;  // what each byte is before any merge, in byte-level vocabularies
};

Result<const PreTokenizer*> read_pre_tokenizer(const gguf::Metadata& metadata, std::string_view model) {
  constexpr std::string_view kKey = "tokenizer.ggml.pre";
  KILTER_ASSIGN(std::string name, metadata.get_string_or(kKey, ""));
  if (model == "gemma4") name = model;  // its files name another one, or none
  const PreTokenizer* pre = find_pre_tokenizer(name.empty() ? kDefaultPreTokenizer : name);
  if (pre != nullptr) return pre;
  return Error{ErrorCode::unsupported, std::string(kKey),
               "no pre-tokenizer " + quoted(name) + " is known here", "these are: " + pre_tokenizer_names()};
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> make_bpe_tokenizer(const gguf::Metadata& metadata,
                                                            std::string_view model) {
  KILTER_ASSIGN(const PreTokenizer* pre, read_pre_tokenizer(metadata, model));
  // Id 11 is <|endoftext|> in Falcon, whose first files named no ids; elsewhere it is a comma.
  const VocabularyRules rules = {.bos = 11,
                                 .eos = 11,
                                 .unknown = kNoToken,
                                 .defaults_are_control = true,
                                 .needs_scores = false,
                                 .adds_bos = pre->bos != BosRule::leave_out};
  KILTER_ASSIGN(Vocabulary vocabulary, Vocabulary::from_metadata(metadata, rules));
  KILTER_ASSIGN(SpecialMatcher specials, SpecialMatcher::create(metadata, vocabulary));
  KILTER_ASSIGN(MergeTable merges, MergeTable::from_metadata(metadata, vocabulary));
  KILTER_ASSIGN(Splitter splitter, Splitter::create(pre->rules));
  if (pre->bos == BosRule::always_add) vocabulary.always_add_bos();
  return std::shared_ptr<const Tokenizer>(
      std::make_shared<BpeTokenizer>(BpeParts{std::string(model), pre, std::move(vocabulary),
                                              std::move(specials), std::move(merges), std::move(splitter)}));
}

}  // namespace kilter::text
