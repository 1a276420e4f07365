#include "model/random/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "model/random/merge_builder.h"
#include "model/random/word_source.h"

namespace kilter {
namespace {

// tokenizer.ggml.token_type (gguf-py's TokenType).
enum TokenType : int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kUnused = 5, kByte = 6 };

struct Entries {
  std::vector<std::string> tokens;
  std::vector<float> scores;
  std::vector<int32_t> types;

  void add(std::string token, TokenType type, float score = 0) {
    tokens.push_back(std::move(token));
    types.push_back(type);
    scores.push_back(score);
  }
};

// A byte-level BPE vocabulary: 256 bytes and merges, with special tokens before or after.
struct BpeKind {
  std::string_view name;
  std::string_view pre;
  enum class Specials { before, after } place;
  std::span<const std::string_view> specials;
  size_t reserved;     // more special tokens, where the vocabulary has room for them
  size_t most_normal;  // entries that are neither special nor padding
  int bos, eos;        // which of the special tokens
  int end_of_turn;     // -1: none
  bool add_bos;
};

constexpr std::array<std::string_view, 10> kLlama3Specials = {"<|begin_of_text|>",
                                                              "<|end_of_text|>",
                                                              "<|reserved_special_token_0|>",
                                                              "<|reserved_special_token_1|>",
                                                              "<|reserved_special_token_2|>",
                                                              "<|reserved_special_token_3|>",
                                                              "<|start_header_id|>",
                                                              "<|end_header_id|>",
                                                              "<|reserved_special_token_4|>",
                                                              "<|eot_id|>"};
constexpr std::array<std::string_view, 3> kChatSpecials = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};

// Numbers of entries: 128000 + 256 for Llama 3, 151643 + 3 and padding to 151936 for Qwen2.
constexpr std::array kBpeKinds = {
    BpeKind{"llama3", "llama-bpe", BpeKind::Specials::after, kLlama3Specials, 246, 128000, 0, 1, 9, true},
    BpeKind{"qwen2", "qwen2", BpeKind::Specials::after, kChatSpecials, 0, 151643, 0, 0, 2, false},
    BpeKind{"smollm", "smollm", BpeKind::Specials::before, kChatSpecials, 0, 1 << 20, 1, 2, -1, false},
};

// UTF-8 of a code point below U+0800.
std::string short_utf8(uint32_t code_point) {
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xc0 | (code_point >> 6)), static_cast<char>(0x80 | (code_point & 0x3f))};
}

bool shows_as_itself(uint32_t byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
}

// The characters that stand for bytes, by byte: itself where it can be seen, else the next from U+0100 on.
// Source: bytes_to_unicode of GPT-2's encoder.py (Radford et al. 2019).
std::array<std::string, 256> byte_characters() {
  std::array<std::string, 256> characters;
  uint32_t next = 256;
  for (uint32_t b = 0; b < 256; ++b) characters[b] = short_utf8(shows_as_itself(b) ? b : next++);
  return characters;
}

std::vector<std::string> split_characters(std::string_view utf8) {
  std::vector<std::string> characters;
  for (const char c : utf8) {
    const bool continues = (static_cast<unsigned char>(c) & 0xc0) == 0x80;
    if (continues) {
      characters.back() += c;
    } else {
      characters.emplace_back(1, c);
    }
  }
  return characters;
}

constexpr std::string_view kSpaceMark = "\u2581";  // SPM writes a space as this block
constexpr uint64_t kFirstWords = 256;              // enough to meet every script of word_source.cc

std::vector<std::string> spm_symbols(uint64_t word) {
  std::vector<std::string> symbols = split_characters(nth_word(word));
  std::replace(symbols.begin(), symbols.end(), std::string(" "), std::string(kSpaceMark));
  return symbols;
}

Error too_small(int64_t n_vocab, size_t least, std::string_view kind) {
  return {ErrorCode::usage, "n_vocab",
          fmt::format("{} entries cannot hold the {} bytes and special tokens of a vocabulary of the kind {}",
                      n_vocab, least, kind),
          fmt::format("use at least {}", least)};
}

template <typename T>
void add_array(gguf::Metadata& metadata, std::string key, std::vector<T> elements) {
  metadata.entries.push_back({std::move(key), gguf::Array{std::move(elements)}});
}

void add_id(gguf::Metadata& metadata, std::string_view which, size_t id) {
  metadata.entries.push_back({fmt::format("tokenizer.ggml.{}_token_id", which), static_cast<uint32_t>(id)});
}

void add_rules(gguf::Metadata& metadata, bool add_bos, bool space_prefix) {
  metadata.entries.push_back({"tokenizer.ggml.add_bos_token", add_bos});
  metadata.entries.push_back({"tokenizer.ggml.add_eos_token", false});
  metadata.entries.push_back({"tokenizer.ggml.add_space_prefix", space_prefix});
}

Status add_spm(size_t n_vocab, gguf::Metadata& metadata) {
  constexpr size_t kFixed = 3 + 256;
  if (n_vocab < kFixed) return too_small(static_cast<int64_t>(n_vocab), kFixed, "spm");
  Entries entries;
  entries.add("<unk>", kUnknown);
  entries.add("<s>", kControl);
  entries.add("</s>", kControl);
  for (unsigned byte = 0; byte < 256; ++byte) entries.add(fmt::format("<0x{:02X}>", byte), kByte);

  MergeBuilder builder(MergeBy::result, n_vocab - kFixed);
  builder.add_symbol(std::string(kSpaceMark));
  for (char c = '!'; c <= '~'; ++c) builder.add_symbol(std::string(1, c));
  for (uint64_t word = 0; word < kFirstWords; ++word) {
    for (const std::string& symbol : spm_symbols(word)) builder.add_symbol(symbol);
  }
  for (uint64_t word = 0; !builder.full(); ++word) builder.add_word(spm_symbols(word));
  float score = 0;
  for (const std::string& piece : builder.entries()) entries.add(piece, kNormal, score--);

  metadata.entries.push_back({"tokenizer.ggml.model", "llama"});
  add_array(metadata, "tokenizer.ggml.tokens", std::move(entries.tokens));
  add_array(metadata, "tokenizer.ggml.scores", std::move(entries.scores));
  add_array(metadata, "tokenizer.ggml.token_type", std::move(entries.types));
  add_id(metadata, "unknown", 0);
  add_id(metadata, "bos", 1);
  add_id(metadata, "eos", 2);
  add_rules(metadata, true, true);
  return {};
}

MergeBuilder merge_bytes(size_t n_entries) {
  const std::array<std::string, 256> characters = byte_characters();
  MergeBuilder builder(MergeBy::pair, n_entries);
  // The order of GPT-2: first the bytes that show as themselves.
  for (uint32_t b = 0; b < 256; ++b) {
    if (shows_as_itself(b)) builder.add_symbol(characters[b]);
  }
  for (const std::string& character : characters) builder.add_symbol(character);
  for (uint64_t word = 0; !builder.full(); ++word) {
    std::vector<std::string> symbols;
    for (const char c : nth_word(word)) symbols.push_back(characters[static_cast<unsigned char>(c)]);
    builder.add_word(std::move(symbols));
  }
  return builder;
}

// The special tokens, the reserved ones as far as they take less than one part in 500 of the vocabulary.
std::vector<std::string> special_tokens(const BpeKind& kind, size_t n_vocab) {
  std::vector<std::string> tokens(kind.specials.begin(), kind.specials.end());
  const size_t n_reserved = std::min(kind.reserved, n_vocab / 500 - std::min(n_vocab / 500, tokens.size()));
  for (size_t i = 0; i < n_reserved; ++i)
    tokens.push_back(fmt::format("<|reserved_special_token_{}|>", i + 5));
  return tokens;
}

Status add_bpe(const BpeKind& kind, size_t n_vocab, gguf::Metadata& metadata) {
  const std::vector<std::string> specials = special_tokens(kind, n_vocab);
  const size_t least = 256 + specials.size();
  if (n_vocab < least) return too_small(static_cast<int64_t>(n_vocab), least, kind.name);
  const MergeBuilder builder = merge_bytes(std::min(n_vocab - specials.size(), kind.most_normal));

  Entries entries;
  const auto add_specials = [&] {
    for (const std::string& token : specials) entries.add(token, kControl);
  };
  if (kind.place == BpeKind::Specials::before) add_specials();
  for (const std::string& token : builder.entries()) entries.add(token, kNormal);
  const size_t first_special = kind.place == BpeKind::Specials::before ? 0 : entries.tokens.size();
  if (kind.place == BpeKind::Specials::after) add_specials();
  while (entries.tokens.size() < n_vocab) entries.add(fmt::format("[PAD{}]", entries.tokens.size()), kUnused);

  metadata.entries.push_back({"tokenizer.ggml.model", "gpt2"});
  metadata.entries.push_back({"tokenizer.ggml.pre", std::string(kind.pre)});
  add_array(metadata, "tokenizer.ggml.tokens", std::move(entries.tokens));
  add_array(metadata, "tokenizer.ggml.token_type", std::move(entries.types));
  add_array(metadata, "tokenizer.ggml.merges", builder.merges());
  add_id(metadata, "bos", first_special + static_cast<size_t>(kind.bos));
  add_id(metadata, "eos", first_special + static_cast<size_t>(kind.eos));
  if (kind.end_of_turn >= 0) add_id(metadata, "eot", first_special + static_cast<size_t>(kind.end_of_turn));
  add_rules(metadata, kind.add_bos, false);
  return {};
}

}  // namespace

std::string_view vocabulary_names() { return "spm|llama3|qwen2|smollm"; }

Status add_vocabulary(std::string_view kind, int64_t n_vocab, gguf::Metadata& metadata) {
  for (const BpeKind& bpe : kBpeKinds) {
    if (bpe.name == kind) return add_bpe(bpe, static_cast<size_t>(n_vocab), metadata);
  }
  return add_spm(static_cast<size_t>(n_vocab), metadata);
}

}  // namespace kilter
