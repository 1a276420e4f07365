#include "engine/loaded_model.h"

namespace kilter {

Result<LoadedModel> load_model_and_tokenizer(const std::string& path) {
  KILTER_ASSIGN(gguf::File file, gguf::File::open(path));
  KILTER_ASSIGN(Model model, load_model(std::make_shared<const gguf::File>(std::move(file))));
  KILTER_ASSIGN(auto tokenizer, text::Tokenizer::from_metadata(model.file->metadata()));
  if (tokenizer->size() > model.n_vocab()) {
    return Error{ErrorCode::mismatch, "tokenizer.ggml.tokens",
                 "has " + std::to_string(tokenizer->size()) + " tokens, and token_embd.weight only " +
                     std::to_string(model.n_vocab()) + " rows",
                 "the vocabulary belongs to another model; convert the model again"};
  }
  return LoadedModel{std::move(model), std::move(tokenizer)};
}

Status check_ids(const Model& model, std::span<const int32_t> ids) {
  for (const int32_t id : ids) {
    if (id < 0 || id >= model.n_vocab()) {
      return Error{ErrorCode::usage, "token id " + std::to_string(id),
                   "is outside the vocabulary, which has " + std::to_string(model.n_vocab()) + " tokens",
                   "`kilter tokenize` shows the ids of a text"};
    }
  }
  return {};
}

}  // namespace kilter
