#include "text/vocabulary_tokenizer.h"

#include <charconv>
#include <optional>
#include <utility>

namespace kilter::text {
namespace {

constexpr std::string_view kLowerBar = "\xE2\x96\x81";  // U+2581

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string replaced;
  replaced.reserve(text.size());
  size_t begin = 0;
  for (size_t at = text.find(from); at != std::string_view::npos; at = text.find(from, begin)) {
    replaced += text.substr(begin, at - begin);
    replaced += to;
    begin = at + from.size();
  }
  return replaced += text.substr(begin);
}

/// The byte that an entry spelled "<0xE2>" stands for.
std::optional<uint8_t> read_byte_entry(std::string_view entry) {
  constexpr size_t kLength = 6, kDigits = 3;
  if (entry.size() != kLength || !entry.starts_with("<0x") || !entry.ends_with('>')) return std::nullopt;
  uint8_t byte = 0;
  const char* const end = entry.data() + kLength - 1;
  const auto [stopped, error] = std::from_chars(entry.data() + kDigits, end, byte, 16);
  return error == std::errc() && stopped == end ? std::optional(byte) : std::nullopt;
}

bool is_special(TokenType type) {
  return type == TokenType::control || type == TokenType::unknown || type == TokenType::user_defined;
}

}  // namespace

std::string spaces_to_lower_bars(std::string_view text) { return replace_all(text, " ", kLowerBar); }
std::string lower_bars_to_spaces(std::string_view text) { return replace_all(text, kLowerBar, " "); }

VocabularyTokenizer::VocabularyTokenizer(Vocabulary vocabulary, SpecialMatcher specials)
    : vocabulary_(std::move(vocabulary)), specials_(std::move(specials)) {}

std::vector<int32_t> VocabularyTokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<int32_t> ids;
  const bool adds_ends = options.begin_end == BeginEnd::add;
  if (adds_ends && adds_bos()) ids.push_back(bos());
  for (const Fragment& fragment : specials_.cut(text, options.special)) {
    if (fragment.token != kNoToken) {
      ids.push_back(fragment.token);
    } else {
      encode_text(fragment.text, ids);
    }
  }
  if (adds_ends && vocabulary_.adds_eos() && eos() != kNoToken) ids.push_back(eos());
  return ids;
}

std::string VocabularyTokenizer::piece(int32_t id) const {
  if (!in_vocabulary(id)) return {};
  const std::string& spelled = entry(id);
  switch (vocabulary_.type(id)) {
    case TokenType::control:
    case TokenType::unknown:
      return {};
    case TokenType::user_defined:
      return spelled;
    case TokenType::byte:
      if (const std::optional<uint8_t> byte = read_byte_entry(spelled)) {
        return std::string(1, static_cast<char>(*byte));
      }
      return unspell(spelled);
    case TokenType::undefined:
    case TokenType::normal:
    case TokenType::unused:
      return unspell(spelled);
  }
  return {};
}

std::string VocabularyTokenizer::decode(const std::vector<int32_t>& ids) const {
  std::string text;
  bool drops_space = adds_space_prefix();
  for (const int32_t id : ids) {
    if (!in_vocabulary(id)) continue;
    const std::string bytes = piece(id);
    const bool special = is_special(vocabulary_.type(id));
    text += drops_space && !special && bytes.starts_with(' ') ? std::string_view(bytes).substr(1) : bytes;
    drops_space = special && adds_space_prefix();
  }
  return text;
}

bool VocabularyTokenizer::ends_generation(int32_t id) const {
  return in_vocabulary(id) && vocabulary_.ends_generation(id);
}

bool VocabularyTokenizer::is_control(int32_t id) const {
  return in_vocabulary(id) && vocabulary_.type(id) == TokenType::control;
}

}  // namespace kilter::text
