#include "text/tokenizer.h"

#include "base/utf8.h"
#include "text/bpe_tokenizer.h"
#include "text/spm_tokenizer.h"
#include "text/unicode.h"

namespace kilter::text {

Result<std::shared_ptr<const Tokenizer>> Tokenizer::from_metadata(const gguf::Metadata& metadata) {
  constexpr std::string_view kKey = "tokenizer.ggml.model";
  KILTER_ASSIGN(const std::string model, metadata.get_string(kKey));
  if (model == "llama") return make_spm_tokenizer(metadata);
  if (model == "gpt2" || model == "gemma4") return make_bpe_tokenizer(metadata, model);
  return Error{ErrorCode::unsupported, std::string(kKey), "no tokenizer " + quoted(model) + " is known here",
               "these are: llama (SentencePiece), gpt2 and gemma4 (byte-pair encoding)"};
}

std::string StreamDecoder::push(int32_t id) {
  pending_ += tokenizer_->piece(id);
  const size_t complete = pending_.size() - unfinished_utf8_length(pending_);
  std::string text = to_valid_utf8(std::string_view(pending_).substr(0, complete));
  pending_.erase(0, complete);
  return text;
}

std::string StreamDecoder::finish() {
  std::string text = to_valid_utf8(pending_);
  pending_.clear();
  return text;
}

}  // namespace kilter::text
