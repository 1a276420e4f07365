#include "cli/trace/trace_prompts.h"

#include <algorithm>

#include "base/file_map.h"
#include "cli/prompt.h"
#include "cli/read_input.h"

namespace kilter::cli {
namespace {

// Lines of a text, without their ends; empty ones are left out.
std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) lines.emplace_back(line);
  }
  return lines;
}

Result<std::string> read_file(const std::string& path) {
  if (path == "-") return read_standard_input();
  KILTER_ASSIGN(const FileMap map, FileMap::open(path));
  return std::string(reinterpret_cast<const char*>(map.bytes().data()), map.bytes().size());
}

}  // namespace

std::vector<Option> TracePrompts::rows() {
  return {{.names = "-p,--prompt",
           .value = "TEXT",
           .target = &texts_,
           .help = "The text to start from; `-` reads it from standard input. Special tokens such as "
                   "<|im_start|> are recognised in it. Several: a file each."},
          {.names = "--ids",
           .value = "LIST",
           .target = &ids_,
           .help = "Token ids to start from, in place of a text: 1,450. Nothing is added to them. Several: a "
                   "file each."},
          {.names = "--prompts",
           .value = "FILE",
           .target = &file_,
           .help = "A text file with a prompt on each line, or `-`. Empty lines are left out.",
           .completes = Completes::file}};
}

Result<std::vector<std::string>> TracePrompts::read_texts() const {
  if (file_) {
    KILTER_ASSIGN(const std::string text, read_file(*file_));
    return lines_of(text);
  }
  std::vector<std::string> texts = texts_;
  if (std::count(texts.begin(), texts.end(), "-") > 1) {
    return Error{ErrorCode::usage, "prompt", "standard input can be read once", "give -p - once"};
  }
  for (std::string& text : texts) {
    if (text != "-") continue;
    KILTER_ASSIGN(text, read_standard_input());
  }
  return texts;
}

Result<std::vector<std::vector<int32_t>>> TracePrompts::tokens(
    const std::function<std::vector<int32_t>(std::string_view text)>& tokenize) const {
  const int kinds = static_cast<int>(!texts_.empty()) + static_cast<int>(!ids_.empty()) +
                    static_cast<int>(file_.has_value());
  if (kinds != 1) {
    return Error{ErrorCode::usage, "prompt",
                 kinds == 0 ? "none is given" : "only one of --prompt, --ids and --prompts can be given",
                 "give the text with -p, or token ids with --ids, or a file of texts with --prompts"};
  }
  std::vector<std::vector<int32_t>> prompts;
  for (const std::string& list : ids_) {
    KILTER_ASSIGN(prompts.emplace_back(), parse_ids(list));
  }
  KILTER_ASSIGN(const std::vector<std::string> texts, read_texts());
  for (const std::string& text : texts) prompts.push_back(tokenize(text));
  const bool is_empty =
      std::any_of(prompts.begin(), prompts.end(), [](const auto& ids) { return ids.empty(); });
  if (prompts.empty() || is_empty) {
    return Error{ErrorCode::usage, "prompt", "has no tokens", "give a prompt of at least one token"};
  }
  return prompts;
}

std::string numbered_path(const std::string& path, size_t i, size_t n) {
  if (n == 1) return path;
  const size_t name = path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1;
  size_t dot = path.rfind('.');
  if (dot == std::string::npos || dot <= name) dot = path.size();
  return path.substr(0, dot) + "-" + std::to_string(i) + path.substr(dot);
}

}  // namespace kilter::cli
