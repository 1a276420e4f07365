// Text to token ids and back, as the vocabulary in a GGUF file defines it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/metadata.h"
#include "kilter/result.h"

namespace kilter::text {

enum class SpecialTokens { as_text, recognise };
enum class BeginEnd { add, leave_out };

struct EncodeOptions {
  /// recognise: "<|im_start|>" in the text is that token; as_text: it is letters.
  SpecialTokens special = SpecialTokens::recognise;
  /// add: BOS and EOS as the vocabulary's add_bos_token and add_eos_token (or its model's rule) say.
  BeginEnd begin_end = BeginEnd::add;
};

/// A vocabulary with its rules. Immutable and safe to share between threads.
class Tokenizer {
 public:
  /// Errors: not_found and corrupt naming the metadata key; unsupported naming the tokenizer model or
  /// pre-tokenizer, with the list of those that are known.
  static Result<std::shared_ptr<const Tokenizer>> from_metadata(const gguf::Metadata& metadata);

  virtual ~Tokenizer() = default;

  /// Token ids of `text`. Bytes that are not UTF-8 are tokenized as bytes, never refused.
  virtual std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options) const = 0;

  /// The bytes that token `id` stands for when it is printed: may be part of a UTF-8 character, empty for
  /// control tokens. `id` is in [0, size()).
  virtual std::string piece(int32_t id) const = 0;

  /// The vocabulary entry of an id in [0, size()) as the file spells it ("▁The", "Ġthe", "<0x0A>").
  virtual const std::string& entry(int32_t id) const = 0;

  /// The text of a whole sequence: the inverse of encode(), with the space-prefix rule of the vocabulary
  /// undone.
  virtual std::string decode(const std::vector<int32_t>& ids) const = 0;

  virtual int32_t size() const = 0;
  virtual int32_t bos() const = 0;                     ///< -1 when the vocabulary has none
  virtual int32_t eos() const = 0;                     ///< -1 when the vocabulary has none
  virtual bool adds_bos() const = 0;                   ///< whether BeginEnd::add puts BOS first
  virtual bool ends_generation(int32_t id) const = 0;  ///< EOS, end of turn, end of message
  virtual bool is_control(int32_t id) const = 0;
  virtual std::string_view model() const = 0;  ///< "llama" (SPM), "gpt2" or "gemma4" (BPE)
  /// Name of the pre-tokenizer, "default" when the file names none; empty for SPM. Older files lack the name,
  /// and the rule used in its place cuts many texts in other places than the model's own did: worth a
  /// warning.
  virtual std::string_view pre() const = 0;
};

/// Turns a stream of ids into text without ever giving out half a UTF-8 character.
class StreamDecoder {
 public:
  explicit StreamDecoder(std::shared_ptr<const Tokenizer> tokenizer) : tokenizer_(std::move(tokenizer)) {}

  /// Text that is complete after `id`; may be empty. Bytes that can never become UTF-8 come out as U+FFFD.
  std::string push(int32_t id);
  /// What is left at the end: an incomplete character comes out as U+FFFD.
  std::string finish();

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string pending_;
};

}  // namespace kilter::text
