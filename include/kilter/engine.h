// kilter as a library: load a model, open a session, generate text, look at logits.
//
//   auto engine = kilter::Engine::load("model.gguf", {});
//   if (!engine.ok()) return complain(engine.error().message());
//   auto session = (*engine)->open_session({.n_ctx = 512});
//   auto ids = (*engine)->tokenize("Once upon a time", kilter::Specials::recognise);
//   (*session)->generate(ids, {.max_tokens = 32}, [](const kilter::TokenEvent& e) {
//     std::cout << e.text << std::flush;
//     return kilter::Go::on;
//   });
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kilter/result.h"

namespace kilter {

/// Whether the work goes on after a callback.
enum class Go { on, stop };

/// How a model is loaded.
struct LoadOptions {
  std::string backend = "cpu";  ///< one of backend_names()
  int threads = 0;              ///< 0: all processors that the process may use. No bit depends on it.

  // Of backend "cpu". Each (mode, kv) has one answer, to the bit; no bit depends on isa.
  std::string mode = {};     ///< one of mode_names(); "": "accurate". `kilter run --help` says what they are.
  std::string isa = {};      ///< an instruction set of isa_names(); "": the fastest
  std::string kv = {};       ///< of keys and values: "f16", "f32"; "": f16 in fast and accurate, else f32
  bool pin_threads = false;  ///< keeps each thread on one processor

  /// Given the bytes of weights that are laid out so far, of all; may be empty. Go::stop ends the loading
  /// with an error `interrupted`.
  std::function<Go(int64_t done, int64_t all)> on_load = {};
};

/// The backends of this build, the default one first.
std::vector<std::string> backend_names();
/// The modes of backend "cpu", the fastest first.
std::vector<std::string> mode_names();
/// The instruction sets of backend "cpu" that this processor runs, the fastest first.
std::vector<std::string> isa_names();

/// How a sequence is computed. None of these changes a bit of the logits.
struct SessionOptions {
  int64_t n_ctx = 0;  ///< positions to make room for; 0: what the model was trained for
  int64_t chunk = 0;  ///< the most rows in one pass, scratch memory grows with it; 0: what suits the backend
};

/// How a token is chosen from logits, applied in this order. Every probability is
/// computed in f64 from f32 logits.
struct SamplingOptions {
  double repeat_penalty = 1.0;  ///< last 64 tokens: divides a logit above 0, multiplies others. 1: off
  int64_t top_k = 40;           ///< keep the k largest logits, the lower id first among equals. 0: all
  double top_p = 0.95;          ///< keep the fewest whose probabilities add up to p. 1: all
  double min_p = 0.05;          ///< keep those of at least min_p times the largest probability. 0: all
  double temperature = 0.8;     ///< divides the logits that are left. 0: the largest logit (greedy)
  uint64_t seed = 0;            ///< the draw is a function of seed and position alone
};

/// A token and how likely the model found it, in natural logarithms, from the untouched logits.
struct TokenLogprob {
  int32_t id = 0;
  double logprob = 0;
};

/// One generated token.
struct TokenEvent {
  int32_t id = 0;
  std::string text;  ///< whole UTF-8 characters that are certain now; may be empty
  double logprob = 0;
  std::vector<TokenLogprob> top;  ///< the most likely tokens, as many as GenerateOptions::logprobs
};

enum class FinishReason { length, end_of_generation, stop_string, context_full, stopped };
/// "length", "end_of_generation", ...
std::string_view to_string(FinishReason reason);

struct GenerateOptions {
  int64_t max_tokens = 128;
  std::vector<std::string> stop;  ///< text that ends the generation and is not given out
  SamplingOptions sampling;
  int logprobs = 0;  ///< how many alternatives TokenEvent::top holds
  /// Progress through the prompt, in tokens; may be empty.
  std::function<Go(int64_t done, int64_t all)> on_prompt;
};

/// What a generation was.
struct Generation {
  FinishReason reason = FinishReason::length;
  std::vector<int32_t> ids;   ///< generated tokens, the one that ended it included
  int64_t prompt_tokens = 0;  ///< computed now: without those that the session already held
  double prompt_seconds = 0;
  double first_token_seconds = 0;  ///< from the call to the first token
  double generate_seconds = 0;     ///< after the first token
};

enum class Specials {
  recognise,  ///< "<|im_start|>" in a text is that token
  as_text,    ///< it is letters
};

/// One sequence of tokens and its keys and values. Not for several threads at
/// once; must not outlive its engine.
class Session {
 public:
  virtual ~Session() = default;

  /// Appends tokens. Errors: usage (an id outside the vocabulary), memory (no room in n_ctx), errors of the
  /// device. What was appended before an error stays.
  virtual Status feed(std::span<const int32_t> ids) = 0;

  /// [V] logits of what follows the last token; empty before the first feed() and after a rewind().
  virtual std::span<const float> logits() const = 0;

  /// Forgets the tokens from `length` on.
  virtual Status rewind(int64_t length) = 0;

  virtual const std::vector<int32_t>& tokens() const = 0;

  /// Feeds `prompt` (at least one token, unless the session has logits), then samples. `on_token` may be
  /// empty. Errors: usage (empty prompt, an option out of range), and those of feed().
  virtual Result<Generation> generate(std::span<const int32_t> prompt, const GenerateOptions& options,
                                      const std::function<Go(const TokenEvent&)>& on_token) = 0;
};

/// A model in memory. Safe to share between threads; sessions take turns on its backend.
class Engine {
 public:
  /// Errors: those of opening, validating and understanding the file; usage for an unknown backend.
  static Result<std::unique_ptr<Engine>> load(const std::string& path, const LoadOptions& options);

  virtual ~Engine() = default;

  /// Errors: memory; usage for options out of range.
  virtual Result<std::unique_ptr<Session>> open_session(const SessionOptions& options) = 0;

  /// Token ids of `text`, with the beginning token where the vocabulary wants one.
  virtual std::vector<int32_t> tokenize(std::string_view text, Specials specials) const = 0;
  virtual std::string detokenize(const std::vector<int32_t>& ids) const = 0;
  /// The bytes of one token, which may be part of a UTF-8 character. Errors: usage, outside the vocabulary.
  virtual Result<std::string> piece(int32_t id) const = 0;

  virtual int64_t n_vocab() const = 0;
  virtual int64_t n_ctx_train() const = 0;
  virtual std::string architecture() const = 0;
};

}  // namespace kilter
