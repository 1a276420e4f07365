// llama.cpp from process start to its first token, the shortest way its interface allows.
//
// Usage: llama_first_token MODEL THREADS N_CTX PROMPT
//
// Greedy, one token, printed and flushed. The programs that come with llama.cpp do more before they answer
// (llama-completion warms up, llama-simple has no option for the threads), so they would be unfair to it.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "llama.h"

namespace {

int fail(const char* what) {
  std::fprintf(stderr, "llama_first_token: %s\n", what);
  return 1;
}

std::vector<llama_token> tokens_of(const llama_vocab* vocab, const char* prompt) {
  std::vector<llama_token> tokens(std::strlen(prompt) + 8);
  const int count = llama_tokenize(vocab, prompt, static_cast<int>(std::strlen(prompt)), tokens.data(),
                                   static_cast<int>(tokens.size()), true, true);
  tokens.resize(static_cast<size_t>(std::max(count, 0)));
  return tokens;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return fail("usage: llama_first_token MODEL THREADS N_CTX PROMPT");
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  llama_model* model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (model == nullptr) return fail("cannot load the model");

  const llama_vocab* vocab = llama_model_get_vocab(model);
  std::vector<llama_token> prompt = tokens_of(vocab, argv[4]);
  if (prompt.empty()) return fail("cannot tokenize the prompt");

  llama_context_params params = llama_context_default_params();
  params.n_threads = params.n_threads_batch = std::atoi(argv[2]);
  params.n_ctx = static_cast<uint32_t>(std::atoi(argv[3]));
  llama_context* context = llama_init_from_model(model, params);
  if (context == nullptr) return fail("cannot make a context");
  const auto batch = llama_batch_get_one(prompt.data(), static_cast<int32_t>(prompt.size()));
  if (llama_decode(context, batch) != 0) return fail("cannot evaluate the prompt");

  const float* logits = llama_get_logits_ith(context, -1);
  const auto chosen = std::max_element(logits, logits + llama_vocab_n_tokens(vocab)) - logits;
  char piece[256];
  const int length =
      llama_token_to_piece(vocab, static_cast<llama_token>(chosen), piece, sizeof piece, 0, true);
  std::fwrite(piece, 1, static_cast<size_t>(std::max(length, 0)), stdout);
  std::fflush(stdout);
  // No tidying up: the process ends, as it would after an answer.
  std::_Exit(0);
}
