#include "text/special_entries.h"

// Source of all texts and keys: llama.cpp, src/llama-vocab.cpp (as packaged in llama-cpp-python 0.3.36).
// Converters lose the roles of many of these tokens, so every engine has to know them by their text.

namespace kilter::text {
namespace {

using Text = std::string_view;

constexpr Text kEndKeys[] = {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
constexpr Text kEndTexts[] = {
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<end_of_utterance>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
};

// A model that fills in the middle of a file and comes to padding, or to the next file, has finished.
constexpr Text kFillPadKeys[] = {"tokenizer.ggml.fim_pad_token_id"};
constexpr Text kFillPadTexts[] = {"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"};
constexpr Text kRepositoryKeys[] = {"tokenizer.ggml.fim_rep_token_id"};
constexpr Text kRepositoryTexts[] = {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"};
constexpr Text kFileKeys[] = {"tokenizer.ggml.fim_sep_token_id"};
constexpr Text kFileTexts[] = {"<|file_sep|>"};

constexpr EndRole kEndRoles[] = {
    {kEndKeys, kEndTexts, false},
    {kFillPadKeys, kFillPadTexts, true},
    {kRepositoryKeys, kRepositoryTexts, true},
    {kFileKeys, kFileTexts, true},
};

constexpr TypeCorrection kTypeCorrections[] = {
    {"<|fim_prefix|>", TokenType::control},
    {"<fim-prefix>", TokenType::control},
    {"<fim_prefix>", TokenType::control},
    {"<｜fim▁begin｜>", TokenType::control},
    {"<PRE>", TokenType::control},
    {"▁<PRE>", TokenType::control},
    {"<|code_prefix|>", TokenType::control},
    {"<|prefix|>", TokenType::control},
    {"<|fim_suffix|>", TokenType::control},
    {"<fim-suffix>", TokenType::control},
    {"<fim_suffix>", TokenType::control},
    {"<｜fim▁hole｜>", TokenType::control},
    {"<SUF>", TokenType::control},
    {"▁<SUF>", TokenType::control},
    {"<|code_suffix|>", TokenType::control},
    {"<|suffix|>", TokenType::control},
    {"<|fim_middle|>", TokenType::control},
    {"<fim-middle>", TokenType::control},
    {"<fim_middle>", TokenType::control},
    {"<｜fim▁end｜>", TokenType::control},
    {"<MID>", TokenType::control},
    {"▁<MID>", TokenType::control},
    {"<|code_middle|>", TokenType::control},
    {"<|middle|>", TokenType::control},
    // A harmony answer cannot be parsed without these, so they are shown.
    {"<|channel|>", TokenType::user_defined},
    {"<|message|>", TokenType::user_defined},
    {"<|start|>", TokenType::user_defined},
    {"<|constrain|>", TokenType::user_defined},
};

// In harmony and solar vocabularies <|end|> ends a message, and the answer goes on.
constexpr Text kHarmony[] = {"<|return|>", "<|call|>"};
constexpr Text kHarmonyPlural[] = {"<|return|>", "<|calls|>"};
constexpr Text kSolarSingular[] = {"<|call|>", "<|flush|>"};
constexpr Text kSolar[] = {"<|calls|>", "<|flush|>"};
// Here </s> is HTML.
constexpr Text kGemma4[] = {"<|tool_response>"};
constexpr Text kPlamo[] = {"<|plamo:eos|>"};

constexpr EndException kEndExceptions[] = {
    {"<|end|>", kHarmony, TokenType::user_defined},
    {"<|end|>", kHarmonyPlural, TokenType::user_defined},
    {"<|end|>", kSolarSingular, TokenType::user_defined},
    {"<|end|>", kSolar, TokenType::user_defined},
    {"</s>", kGemma4, TokenType::normal},
    {"</s>", kPlamo, TokenType::normal},
};

}  // namespace

std::span<const EndRole> end_roles() { return kEndRoles; }
std::span<const TypeCorrection> type_corrections() { return kTypeCorrections; }
std::span<const EndException> end_exceptions() { return kEndExceptions; }

}  // namespace kilter::text
