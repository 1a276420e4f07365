// The pre-tokenizers that GGUF files name in tokenizer.ggml.pre.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "text/splitter.h"

namespace kilter::text {

/// How the vocabulary spells the bytes of a piece.
enum class Spelling {
  byte_level,     ///< every byte is a printable character, GPT-2's map: " the" is "Ġthe"
  utf8,           ///< as it is; bytes without an entry are "<0xE2>"
  utf8_lower_bar  ///< as utf8, with U+2581 for the space: "▁the"
};

/// What is tried before byte pairs are merged.
enum class WholePiece {
  merge,          ///< nothing
  take_newlines,  ///< a piece of newlines only that is an entry becomes that token
  take_if_entry   ///< any piece that is an entry becomes that token ("ignore_merges")
};

/// Whether BOS is added when the file has no tokenizer.ggml.add_bos_token.
enum class BosRule {
  leave_out,
  add,
  always_add  ///< even when the file says no: its converter is known to have been wrong
};

struct PreTokenizer {
  std::string_view name;
  std::span<const SplitRule> rules;
  Spelling spelling = Spelling::byte_level;
  WholePiece whole_piece = WholePiece::merge;
  BosRule bos = BosRule::leave_out;
};

/// The name that stands for a file without tokenizer.ggml.pre.
inline constexpr std::string_view kDefaultPreTokenizer = "default";

/// The table row of `name`, or null.
const PreTokenizer* find_pre_tokenizer(std::string_view name);

/// Every row.
std::span<const PreTokenizer> all_pre_tokenizers();

/// All known names in alphabetical order: "a.x-4.0, afmoe, bailingmoe, ..."
std::string pre_tokenizer_names();

}  // namespace kilter::text
