#include "engine/loaded_model.h"

#include <future>

namespace kilter {

Result<LoadedModel> load_model_and_tokenizer(const std::string& path,
                                             const std::function<Status(const Model&)>& meanwhile) {
  KILTER_ASSIGN(gguf::File file, gguf::File::open(path));
  KILTER_ASSIGN(Model model, load_model(std::make_shared<const gguf::File>(std::move(file))));
  const auto build = [&] { return text::Tokenizer::from_metadata(model.file->metadata()); };
  // Where no thread is to be had, it is built when it is asked for.
  auto building = std::async(std::launch::async | std::launch::deferred, build);
  const Status done = meanwhile ? meanwhile(model) : Status();
  Result<std::shared_ptr<const text::Tokenizer>> built = building.get();
  KILTER_TRY(done);
  KILTER_ASSIGN(auto tokenizer, std::move(built));
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
