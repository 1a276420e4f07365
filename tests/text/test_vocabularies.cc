#include "test_vocabularies.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <utility>

#include "gguf/file.h"
#include "text/byte_level.h"
#include "text/vocabulary.h"

namespace kilter::text {
namespace {

gguf::Array strings(std::vector<std::string> values) { return {std::move(values)}; }

void add_lists(gguf::Metadata& metadata, const std::vector<TinyEntry>& entries) {
  std::vector<std::string> texts;
  std::vector<int32_t> types;
  std::vector<float> scores;
  for (const TinyEntry& entry : entries) {
    texts.push_back(entry.text);
    types.push_back(entry.type);
    scores.push_back(entry.score);
  }
  set(metadata, "tokenizer.ggml.tokens", strings(std::move(texts)));
  set(metadata, "tokenizer.ggml.token_type", gguf::Array{std::move(types)});
  set(metadata, "tokenizer.ggml.scores", gguf::Array{std::move(scores)});
}

TokenizerPtr load(const std::string& file) {
  for (const std::string& folder :
       {std::string(KILTER_TEST_DATA "/vocabularies"), std::string(KILTER_TOKENIZER_DATA)}) {
    const std::filesystem::path path = std::filesystem::path(folder) / file;
    if (folder.empty() || !std::filesystem::exists(path)) continue;
    auto opened = gguf::File::open(path.string());
    if (!opened.ok()) {
      ADD_FAILURE() << opened.error().message();
      return nullptr;
    }
    auto tokenizer = Tokenizer::from_metadata(opened->metadata());
    if (!tokenizer.ok()) ADD_FAILURE() << tokenizer.error().message();
    return tokenizer.ok() ? *tokenizer : nullptr;
  }
  return nullptr;
}

}  // namespace

TokenizerPtr real_tokenizer(const std::string& file) {
  static std::map<std::string, TokenizerPtr> loaded;
  const auto [place, is_new] = loaded.try_emplace(file);
  if (is_new) place->second = load(file);
  return place->second;
}

void set(gguf::Metadata& metadata, std::string key, gguf::Value value) {
  for (gguf::KeyValue& entry : metadata.entries) {
    if (entry.key != key) continue;
    entry.value = std::move(value);
    return;
  }
  metadata.entries.push_back({std::move(key), std::move(value)});
}

gguf::Metadata tiny_spm(const std::vector<TinyEntry>& entries) {
  std::vector<TinyEntry> all = {{"<unk>", 2}, {"<s>", 3}, {"</s>", 3}};
  for (int byte = 0; byte < 256; ++byte) all.push_back({byte_entry(static_cast<uint8_t>(byte)), 6});
  all.insert(all.end(), entries.begin(), entries.end());
  gguf::Metadata metadata;
  set(metadata, "tokenizer.ggml.model", std::string("llama"));
  add_lists(metadata, all);
  return metadata;
}

gguf::Metadata tiny_bpe(std::string_view pre, const std::vector<std::string>& merges,
                        const std::vector<TinyEntry>& entries) {
  std::vector<TinyEntry> all;
  for (int byte = 0; byte < 256; ++byte) all.push_back({byte_character(static_cast<uint8_t>(byte))});
  for (const std::string& merge : merges) {
    const size_t space = merge.find(' ');
    all.push_back({merge.substr(0, space) + merge.substr(space + 1)});
  }
  all.insert(all.end(), entries.begin(), entries.end());
  gguf::Metadata metadata;
  set(metadata, "tokenizer.ggml.model", std::string("gpt2"));
  if (!pre.empty()) set(metadata, "tokenizer.ggml.pre", std::string(pre));
  add_lists(metadata, all);
  set(metadata, "tokenizer.ggml.merges", strings(merges));
  return metadata;
}

std::vector<int32_t> encode(const Tokenizer& tokenizer, std::string_view text, SpecialTokens special,
                            BeginEnd begin_end) {
  return tokenizer.encode(text, {special, begin_end});
}

std::vector<std::string> entries(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  std::vector<std::string> result;
  for (const int32_t id : ids) result.push_back(tokenizer.entry(id));
  return result;
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

}  // namespace kilter::text
