// The options that say which tokens a command starts from, and how it computes them: run and trace share
// them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/option.h"
#include "cli/progress.h"
#include "kilter/engine.h"
#include "kilter/result.h"

namespace kilter::cli {

/// -p and --ids.
struct PromptOptions {
  std::optional<std::string> text;  ///< "-": all of standard input
  std::string ids;                  ///< "1,450"

  std::vector<Option> rows();

  /// The token ids. `tokenize` turns text into ids.
  /// Errors: usage, when none or both are given, or a number is not one; io, when standard input cannot be
  /// read.
  Result<std::vector<int32_t>> tokens(
      const std::function<std::vector<int32_t>(std::string_view text)>& tokenize) const;
};

/// --backend, --mode, --isa, --kv, --threads, --pin, --ctx and --chunk.
struct ComputeOptions {
  std::string backend = "cpu";
  std::string mode;
  std::string isa;
  std::string kv;
  int64_t threads = 0;
  bool pin = false;
  int64_t n_ctx = 0;
  int64_t chunk = 0;

  std::vector<Option> rows();
  /// Without on_load.
  LoadOptions load_options() const;
};

/// Gives options.on_load a progress bar that Ctrl-C interrupts. The bar lives as long as the result.
class LoadProgress {
 public:
  explicit LoadProgress(LoadOptions& options);
  LoadProgress(const LoadProgress&) = delete;
  LoadProgress& operator=(const LoadProgress&) = delete;

 private:
  std::optional<Progress> bar_;
};

/// "1,450" as numbers. Errors: usage, naming the part that is not a token id.
Result<std::vector<int32_t>> parse_ids(std::string_view text);

}  // namespace kilter::cli
