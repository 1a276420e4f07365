#include "cli/prompt.h"

#include <algorithm>
#include <charconv>

#include "base/utf8.h"
#include "cli/interrupt.h"
#include "cli/read_input.h"

namespace kilter::cli {
namespace {

// The names must outlive the options that point at them.
std::vector<std::string_view> backend_choices() {
  static const std::vector<std::string> names = backend_names();
  return {names.begin(), names.end()};
}
std::vector<std::string_view> mode_choices() {
  static const std::vector<std::string> names = mode_names();
  return {names.begin(), names.end()};
}

}  // namespace

Result<std::vector<int32_t>> parse_ids(std::string_view text) {
  std::vector<int32_t> ids;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view part = text.substr(0, comma);
    int32_t id = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), id);
    if (error != std::errc() || end != part.data() + part.size() || id < 0) {
      return Error{ErrorCode::usage, "--ids", quoted(part) + " is not a token id",
                   "write numbers with commas between them, as in --ids 1,450"};
    }
    ids.push_back(id);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return ids;
}

std::vector<Option> PromptOptions::rows() {
  return {
      {.names = "-p,--prompt",
       .value = "TEXT",
       .target = &text,
       .help =
           "The text to start from; `-` reads it from standard input. Special tokens such as <|im_start|> "
           "are recognised in it."},
      {.names = "--ids",
       .value = "LIST",
       .target = &ids,
       .help = "Token ids to start from, in place of a text: 1,450. Nothing is added to them."}};
}

Result<std::vector<int32_t>> PromptOptions::tokens(
    const std::function<std::vector<int32_t>(std::string_view text)>& tokenize) const {
  if (text.has_value() == !ids.empty()) {
    return Error{ErrorCode::usage, "prompt", text ? "both --prompt and --ids are given" : "none is given",
                 "give the text with -p, or token ids with --ids"};
  }
  if (!ids.empty()) return parse_ids(ids);
  if (*text != "-") return tokenize(*text);
  KILTER_ASSIGN(const std::string input, read_standard_input());
  return tokenize(input);
}

std::vector<Option> ComputeOptions::rows() {
  return {
      {.names = "--backend",
       .value = "NAME",
       .target = &backend,
       .help =
           "What computes: `cpu`, the fast one, or `reference`, plain f64, which the other is held against.",
       .choices = backend_choices()},
      {.names = "--mode",
       .value = "NAME",
       .target = &mode,
       .help = "How `cpu` rounds what it multiplies with block-quantised weights: to 8 bits (`fast`), 16 "
               "(`accurate`, "
               "which is taken if not given), 24 (`exact`), or not at all (`f32`). Each mode has one answer, "
               "to the bit.",
       .choices = mode_choices()},
      {.names = "--isa",
       .value = "NAME",
       .target = &isa,
       .help = "The instruction set whose kernels `cpu` takes; if not given, the fastest that this processor "
               "runs. "
               "`kilter inspect` lists them. No bit of the answer depends on it."},
      {.names = "--kv",
       .value = "NAME",
       .target = &kv,
       .help = "How `cpu` keeps keys and values: f16 takes half the memory, and rounds them to 11 bits. If "
               "not given: "
               "f16 in the modes fast and accurate, f32 in exact and f32.",
       .choices = {"f16", "f32"}},
      {.names = "-t,--threads",
       .value = "N",
       .target = &threads,
       .help =
           "Threads; 0 takes all processors that this process may use. No bit of the answer depends on it.",
       .range = {.min = 0, .max = 1024}},
      {.names = "--pin",
       .target = &pin,
       .help = "Keeps each thread of `cpu` on one processor, for steadier timings. No bit of the answer "
               "depends on it."},
      {.names = "--ctx",
       .value = "N",
       .target = &n_ctx,
       .help = "Positions to make room for; 0 takes what this call needs.",
       .range = {.min = 0, .max = 1 << 30}},
      {.names = "--chunk",
       .value = "N",
       .target = &chunk,
       .help =
           "The most tokens in one pass over the model; 0 takes what suits the backend. No bit of the answer "
           "depends on it.",
       .range = {.min = 0, .max = 1 << 20}}};
}

LoadProgress::LoadProgress(LoadOptions& options) {
  options.on_load = [this](int64_t done, int64_t all) {
    if (!bar_) bar_.emplace("loading the model", static_cast<uint64_t>(all), ProgressUnit::bytes);
    bar_->update(static_cast<uint64_t>(done));
    return interrupted() ? Go::stop : Go::on;
  };
}

LoadOptions ComputeOptions::load_options() const {
  LoadOptions options;
  options.backend = backend;
  options.threads = static_cast<int>(threads);
  options.mode = mode;
  options.isa = isa;
  options.kv = kv;
  options.pin_threads = pin;
  return options;
}

}  // namespace kilter::cli
