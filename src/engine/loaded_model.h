// A model with its tokenizer, as read from one path.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kilter/result.h"
#include "model/model.h"
#include "text/tokenizer.h"

namespace kilter {

struct LoadedModel {
  Model model;
  std::shared_ptr<const text::Tokenizer> tokenizer;
};

/// `meanwhile` is called once the model is there, on the caller's thread, while another one builds the
/// tokenizer: for small models either takes most of the time to the first token. It may be empty. Errors:
/// those of gguf::File::open, load_model, Tokenizer::from_metadata and `meanwhile`; mismatch when the
/// vocabulary has tokens without a row in token_embd.weight.
Result<LoadedModel> load_model_and_tokenizer(const std::string& path,
                                             const std::function<Status(const Model&)>& meanwhile = {});

/// Proves that every id has a row in the embedding table. Errors: usage, naming the first bad id.
Status check_ids(const Model& model, std::span<const int32_t> ids);

}  // namespace kilter
