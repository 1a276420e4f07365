// Vocabularies of byte-pair encoding ("gpt2", "gemma4").
#pragma once

#include <memory>
#include <string_view>

#include "gguf/metadata.h"
#include "kilter/result.h"
#include "text/tokenizer.h"

namespace kilter::text {

/// Encoding: the pre-tokenizer cuts the text into pieces; in each, the neighbours whose merge stands first in
/// tokenizer.ggml.merges are merged, the leftmost first, until there are none. A symbol that is no entry
/// becomes its single bytes; bytes without an entry are left out, after merging, as llama.cpp does.
/// `model` is the value of tokenizer.ggml.model.
/// Errors: as Tokenizer::from_metadata().
Result<std::shared_ptr<const Tokenizer>> make_bpe_tokenizer(const gguf::Metadata& metadata,
                                                            std::string_view model);

}  // namespace kilter::text
