// Vocabularies for tests: real ones from files, tiny ones made by hand.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/metadata.h"
#include "kilter/result.h"
#include "text/tokenizer.h"

namespace kilter::text {

using TokenizerPtr = std::shared_ptr<const Tokenizer>;

/// The tokenizer of vocabularies/`file`, or of the folder KILTER_TOKENIZER_DATA; null when it is in neither.
/// Each file is read once.
TokenizerPtr real_tokenizer(const std::string& file);

/// One entry of a tiny vocabulary. Types: 1 normal, 2 unknown, 3 control, 4 user-defined, 6 byte.
struct TinyEntry {
  std::string text;
  int32_t type = 1;
  float score = 0;
};

/// Metadata of a SentencePiece vocabulary: <unk> <s> </s>, the 256 bytes (ids 3 to 258), then `entries`.
gguf::Metadata tiny_spm(const std::vector<TinyEntry>& entries);

/// Metadata of a byte-level vocabulary: the 256 bytes (id = byte), then the results of `merges`, then
/// `entries`.
gguf::Metadata tiny_bpe(std::string_view pre, const std::vector<std::string>& merges,
                        const std::vector<TinyEntry>& entries);

void set(gguf::Metadata& metadata, std::string key, gguf::Value value);

std::vector<int32_t> encode(const Tokenizer& tokenizer, std::string_view text,
                            SpecialTokens special = SpecialTokens::recognise,
                            BeginEnd begin_end = BeginEnd::leave_out);

/// The entries of `ids`, for readable expectations.
std::vector<std::string> entries(const Tokenizer& tokenizer, const std::vector<int32_t>& ids);

/// "48656c6c6f" to "Hello".
std::string from_hex(std::string_view hex);

}  // namespace kilter::text
