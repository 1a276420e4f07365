// What is traced: one prompt or several, and the file of each.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/option.h"
#include "kilter/result.h"

namespace kilter::cli {

/// -p, --ids and --prompts.
class TracePrompts {
 public:
  std::vector<Option> rows();

  /// Whether there is text to be turned into ids.
  bool are_text() const { return ids_.empty(); }

  /// The token ids of each prompt, at least one prompt of at least one token. `tokenize` turns text into ids.
  /// Errors: usage, when none or several kinds are given, a prompt has no tokens, or a number is no id;
  /// not_found and io, when a file or standard input cannot be read.
  Result<std::vector<std::vector<int32_t>>> tokens(
      const std::function<std::vector<int32_t>(std::string_view text)>& tokenize) const;

 private:
  Result<std::vector<std::string>> read_texts() const;

  std::vector<std::string> texts_;
  std::vector<std::string> ids_;
  std::optional<std::string> file_;
};

/// The file of run `i` of `n`: "t.safetensors" is "t-0.safetensors" where there are several.
std::string numbered_path(const std::string& path, size_t i, size_t n);

}  // namespace kilter::cli
