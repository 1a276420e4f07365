#include "text/special_matcher.h"

#include <algorithm>
#include <bitset>
#include <initializer_list>
#include <string>
#include <utility>

namespace kilter::text {
namespace {

constexpr std::string_view kBlanks = " \t\n\v\f\r";

bool has_any(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [text](std::string_view part) { return text.find(part) != std::string_view::npos; });
}

std::string ascii_lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::string_view without_blanks_at_end(std::string_view text) {
  const size_t last = text.find_last_not_of(kBlanks);
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

std::string_view without_blanks_at_start(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

}  // namespace

Result<SpecialMatcher> SpecialMatcher::create(const gguf::Metadata& metadata, const Vocabulary& vocabulary) {
  SpecialMatcher matcher;
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const TokenType type = vocabulary.type(id);
    const bool is_special =
        type == TokenType::control || type == TokenType::user_defined || type == TokenType::unknown;
    if (is_special && !vocabulary.entry(id).empty())
      matcher.specials_.push_back({vocabulary.entry(id), id, type});
  }
  std::stable_sort(matcher.specials_.begin(), matcher.specials_.end(),
                   [](const Special& a, const Special& b) { return a.text.size() > b.text.size(); });
  KILTER_TRY(apply_families(metadata, matcher.specials_));
  return matcher;
}

// GGUF does not carry the lstrip and rstrip flags of tokenizer.json, so families are known by their names.
// Source: llama.cpp, src/llama-vocab.cpp.
Status SpecialMatcher::apply_families(const gguf::Metadata& metadata, std::vector<Special>& specials) {
  KILTER_ASSIGN(const std::string pre, metadata.get_string_or("tokenizer.ggml.pre", ""));
  KILTER_ASSIGN(const std::string architecture, metadata.get_string_or("general.architecture", ""));
  KILTER_ASSIGN(std::string name, metadata.get_string_or("general.name", ""));
  name = ascii_lower(std::move(name));
  const bool is_jina = has_any(pre, {"jina-v2-de", "jina-v2-es", "jina-v2-code"}) ||
                       has_any(architecture, {"nomic-bert-moe", "jina-bert-v3"});
  const bool is_phi3 = !is_jina && has_any(name, {"phi-3", "phi3"});
  const bool is_modern_bert = !is_jina && !is_phi3 && has_any(name, {"modern-bert"});
  for (Special& special : specials) {
    if (is_jina && special.text == "<mask>") special.strips_left = true;
    if (is_modern_bert && special.text == "[MASK]") special.strips_left = true;
    if (is_phi3) {
      special.strips_right =
          special.text != "<unk>" && special.text != "<s>" && special.text != "<|endoftext|>";
    }
  }
  return {};
}

void SpecialMatcher::cut_at(const Special& special, std::vector<Fragment>& fragments) {
  std::vector<Fragment> finer;
  const auto keep_text = [&finer](std::string_view text) {
    if (!text.empty()) finer.push_back({text, kNoToken});
  };
  for (const Fragment& fragment : fragments) {
    if (fragment.token != kNoToken) {
      finer.push_back(fragment);
      continue;
    }
    std::string_view rest = fragment.text;
    for (size_t at = rest.find(special.text); at != std::string_view::npos; at = rest.find(special.text)) {
      const std::string_view left = rest.substr(0, at);
      keep_text(special.strips_left ? without_blanks_at_end(left) : left);
      finer.push_back({{}, special.id});
      rest = rest.substr(at + special.text.size());
      if (special.strips_right) rest = without_blanks_at_start(rest);
    }
    keep_text(rest);
  }
  fragments = std::move(finer);
}

std::vector<Fragment> SpecialMatcher::cut(std::string_view text, SpecialTokens special_tokens) const {
  if (text.empty()) return {};
  std::bitset<256> bytes;
  for (const char c : text) bytes.set(static_cast<uint8_t>(c));
  std::vector<Fragment> fragments = {{text, kNoToken}};
  for (const Special& special : specials_) {
    if (special_tokens == SpecialTokens::as_text && special.type != TokenType::user_defined) continue;
    // Most special tokens have a first byte such as < or a last one such as > that most texts lack.
    const bool may_occur =
        bytes[static_cast<uint8_t>(special.text.front())] && bytes[static_cast<uint8_t>(special.text.back())];
    if (may_occur && text.find(special.text) != std::string_view::npos) cut_at(special, fragments);
  }
  return fragments;
}

}  // namespace kilter::text
