// The generation loop: sample, decode, look for the end, feed.
#pragma once

#include <functional>
#include <span>

#include "engine/sequence.h"
#include "kilter/engine.h"
#include "text/tokenizer.h"

namespace kilter {

/// As Session::generate.
Result<Generation> generate(Sequence& sequence, std::shared_ptr<const text::Tokenizer> tokenizer,
                            std::span<const int32_t> prompt, const GenerateOptions& options,
                            const std::function<Go(const TokenEvent&)>& on_token);

/// Lets text through until a stop string appears, holding back what may still become one.
class StopFilter {
 public:
  explicit StopFilter(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  /// Text that can be given out now. After a stop string was seen, stopped() is true and nothing more comes.
  std::string push(std::string_view text);
  /// What was held back, at the end of a generation that no stop string ended.
  std::string finish();
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace kilter
