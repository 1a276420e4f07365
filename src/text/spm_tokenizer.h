// Vocabularies of SentencePiece models ("llama").
#pragma once

#include <memory>

#include "gguf/metadata.h"
#include "kilter/result.h"
#include "text/tokenizer.h"

namespace kilter::text {

/// Encoding: spaces become U+2581, one is put before text that starts or follows a special token (unless
/// tokenizer.ggml.add_space_prefix says no), then the neighbours whose joint entry has the highest score are
/// merged, the leftmost first, until there are none. A character without an entry becomes its bytes,
/// "<0xE2>". tokenizer.ggml.remove_extra_whitespaces is not applied: neither llama.cpp nor the models' own
/// tokenizers in practice do, and decode() could not undo it. Errors: as Tokenizer::from_metadata().
Result<std::shared_ptr<const Tokenizer>> make_spm_tokenizer(const gguf::Metadata& metadata);

}  // namespace kilter::text
