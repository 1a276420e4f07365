// A vocabulary that any text can be encoded with, made from nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/metadata.h"
#include "kilter/result.h"

namespace kilter {

/// The names of the kinds of vocabulary, separated by '|': spm (Llama 2), and byte-level BPE with the special
/// tokens and the pre-tokenizer of Llama 3, Qwen2 and SmolLM2.
std::string_view vocabulary_names();

/// Adds the tokenizer.* keys of a vocabulary of exactly `n_vocab` entries.
/// All 256 bytes are in it, so any text can be encoded and comes back (but U+2581, which SPM reads as a
/// space). The other entries are English words, a few in other scripts, and pronounceable words of random
/// syllables; each is built by merging two earlier entries at a time, so each can be reached by the
/// tokenizer. The same for every seed.
///
/// Errors: usage, when `n_vocab` is too small for the bytes and the special tokens.
Status add_vocabulary(std::string_view kind, int64_t n_vocab, gguf::Metadata& metadata);

}  // namespace kilter
