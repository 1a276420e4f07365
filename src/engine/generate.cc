#include "engine/generate.h"

#include <algorithm>
#include <chrono>

#include "engine/sampler.h"

namespace kilter {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The length of the longest end of `text` that is a beginning of `stop`.
size_t overlap(std::string_view text, std::string_view stop) {
  for (size_t n = std::min(text.size(), stop.size()); n > 0; --n) {
    if (text.ends_with(stop.substr(0, n))) return n;
  }
  return 0;
}

// The state of one call.
class Generator {
 public:
  Generator(Sequence& sequence, std::shared_ptr<const text::Tokenizer> tokenizer,
            const GenerateOptions& options, const std::function<Go(const TokenEvent&)>& on_token)
      : sequence_(sequence),
        tokenizer_(tokenizer),
        options_(options),
        on_token_(on_token),
        decoder_(std::move(tokenizer)),
        stops_(options.stop) {}

  Result<Generation> run(std::span<const int32_t> prompt) {
    start_ = Clock::now();
    KILTER_TRY(read_prompt(prompt));
    result_.prompt_seconds = seconds_since(start_);
    while (true) {
      if (static_cast<int64_t>(result_.ids.size()) >= options_.max_tokens) return end(FinishReason::length);
      const TokenEvent event = next_token();
      if (result_.ids.size() == 1) result_.first_token_seconds = seconds_since(start_);
      const bool ended = tokenizer_->ends_generation(event.id);
      const Go go = on_token_ ? on_token_(event) : Go::on;
      if (ended) return end(FinishReason::end_of_generation);
      if (stops_.stopped()) return end(FinishReason::stop_string);
      if (go == Go::stop) return end(FinishReason::stopped);
      if (static_cast<int64_t>(sequence_.tokens().size()) >= sequence_.n_ctx()) {
        return end(FinishReason::context_full);
      }
      KILTER_TRY(sequence_.feed({&event.id, 1}, {}));
    }
  }

 private:
  Status read_prompt(std::span<const int32_t> prompt) {
    if (prompt.empty() && sequence_.logits().empty()) {
      return Error{ErrorCode::usage, "prompt", "has no tokens, and there is nothing to go on from",
                   "give a prompt of at least one token"};
    }
    result_.prompt_tokens = static_cast<int64_t>(prompt.size());
    FeedOptions feed;
    feed.progress = [&](int64_t done) {
      return options_.on_prompt ? options_.on_prompt(done, result_.prompt_tokens) : Go::on;
    };
    return sequence_.feed(prompt, feed);
  }

  TokenEvent next_token() {
    const std::span<const float> logits = sequence_.logits();
    const auto position = static_cast<int64_t>(sequence_.tokens().size());
    TokenEvent event;
    event.id = sample(logits, sequence_.tokens(), position, options_.sampling);
    if (options_.logprobs > 0) {
      event.logprob = log_probability(logits, event.id);
      event.top = most_likely(logits, options_.logprobs);
    }
    if (!tokenizer_->ends_generation(event.id)) event.text = stops_.push(decoder_.push(event.id));
    result_.ids.push_back(event.id);
    return event;
  }

  Generation end(FinishReason reason) {
    result_.reason = reason;
    result_.generate_seconds = std::max(0.0, seconds_since(start_) - result_.first_token_seconds);
    const std::string rest = stops_.push(decoder_.finish()) + stops_.finish();
    if (!rest.empty() && on_token_) on_token_({.id = -1, .text = rest, .logprob = 0, .top = {}});
    return std::move(result_);
  }

  Sequence& sequence_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  const GenerateOptions& options_;
  const std::function<Go(const TokenEvent&)>& on_token_;
  text::StreamDecoder decoder_;
  StopFilter stops_;
  Clock::time_point start_;
  Generation result_;
};

}  // namespace

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::length:
      return "length";
    case FinishReason::end_of_generation:
      return "end_of_generation";
    case FinishReason::stop_string:
      return "stop_string";
    case FinishReason::context_full:
      return "context_full";
    case FinishReason::stopped:
      return "stopped";
  }
  return "unknown";
}

std::string StopFilter::push(std::string_view text) {
  if (stopped_) return "";
  held_ += text;
  size_t first = std::string::npos;
  for (const std::string& stop : stops_) {
    if (!stop.empty()) first = std::min(first, held_.find(stop));
  }
  if (first != std::string::npos) {
    stopped_ = true;
    held_.resize(first);
    return std::exchange(held_, {});
  }
  size_t keep = 0;
  for (const std::string& stop : stops_) keep = std::max(keep, overlap(held_, stop));
  std::string out = held_.substr(0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
  return out;
}

std::string StopFilter::finish() { return stopped_ ? std::string() : std::exchange(held_, {}); }

Result<Generation> generate(Sequence& sequence, std::shared_ptr<const text::Tokenizer> tokenizer,
                            std::span<const int32_t> prompt, const GenerateOptions& options,
                            const std::function<Go(const TokenEvent&)>& on_token) {
  KILTER_TRY(check_sampling(options.sampling));
  return Generator(sequence, std::move(tokenizer), options, on_token).run(prompt);
}

}  // namespace kilter
