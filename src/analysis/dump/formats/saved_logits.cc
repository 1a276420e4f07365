// What `llama-debug --save-logits` leaves behind, and any other file of bare f32 or token ids: the name of
// such a file is the name of its value. Source: llama.cpp, examples/debug/debug.cpp.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "analysis/dump/formats/formats.h"
#include "analysis/dump/formats/printed_numbers.h"
#include "analysis/dump/formats/stored_values.h"
#include "analysis/dump/names/names.h"

namespace kilter::analysis {
namespace {

constexpr std::string_view kTokensEnding = "-tokens.bin";
constexpr int32_t kLargestId = 1 << 24;  // as the bits of an f32 this is 2^-125: no logit looks like it
constexpr size_t kWord = 4;

std::optional<std::vector<int32_t>> as_token_ids(std::span<const std::byte> bytes) {
  if (bytes.empty() || bytes.size() % kWord != 0) return std::nullopt;
  auto numbers = ids(ElementType::i32, Endian::little, bytes);
  if (!numbers) return std::nullopt;
  const bool are_ids =
      std::all_of(numbers->begin(), numbers->end(), [](int32_t id) { return id >= 0 && id < kLargestId; });
  return are_ids ? numbers : std::nullopt;
}

// The ids that llama-debug put beside NAME.bin or NAME.txt.
std::vector<int32_t> tokens_beside(const std::string& path) {
  const size_t dot = path.rfind('.');
  const auto map = FileMap::open(path.substr(0, dot) + std::string(kTokensEnding));
  if (!map) return {};
  return as_token_ids(map->bytes()).value_or(std::vector<int32_t>{});
}

RawPass logits_pass(const FileMap& map) {
  RawPass pass;
  pass.path = map.path();
  pass.producer = "bare logits";
  pass.tokens = tokens_beside(map.path());
  pass.values.emplace_back();
  pass.values[0].name = "logits";
  return pass;
}

// Elements of a row of the value that the file's name means; 0 where it means none, or no model is known.
int64_t row_of_name(const std::string& name, const DumpContext& context) {
  RawValue value;
  value.name = name;
  const auto match = context.graph == nullptr ? std::nullopt : match_name(value, context.graph, nullptr);
  const Node* node = match ? context.graph->find(match->at) : nullptr;
  return node == nullptr ? 0 : node->row.elements();
}

// f32 as they lie in memory.
std::optional<RawPass> read_binary(const SharedMap& map, const DumpContext& context) {
  const auto bytes = map->bytes();
  const auto n = static_cast<int64_t>(bytes.size() / kWord);
  if (n == 0 || bytes.size() % kWord != 0) return std::nullopt;
  const std::string stem = stem_of(map->path());
  RawPass pass = logits_pass(*map);
  RawValue& value = pass.values[0];
  int64_t row = row_of_name(stem, context);
  if (row > 0) value.name = stem;
  if (row == 0) row = row_of_name("logits", context);
  if (row == 0 && stem.starts_with("llamacpp-")) row = n;
  if (row == 0 || n % row != 0) return std::nullopt;
  value.shape = {n / row, row};
  value.load = [map]() -> Result<RawElements> {
    return RawElements{numbers(ElementType::f32, Endian::little, map->bytes()), {}};
  };
  return pass;
}

std::string_view next_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Lines `index: value`, counted from 0 on.
std::optional<RawPass> read_indexed_text(const FileMap& map) {
  std::string_view text = text_of(map.bytes());
  RawElements elements;
  PrintedNumbers digits;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.empty() && text.empty()) break;
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos) return std::nullopt;
    if (line.substr(0, colon) != std::to_string(elements.values.size())) return std::nullopt;
    const auto number = parse_number(line.substr(colon + 2));
    if (!number) return std::nullopt;
    digits.add(line.substr(colon + 2));
    elements.values.push_back(static_cast<float>(*number));
  }
  if (elements.values.empty()) return std::nullopt;
  RawPass pass = logits_pass(map);
  RawValue& value = pass.values[0];
  value.shape = {1, static_cast<int64_t>(elements.values.size())};
  value.quantum = digits.quantum();
  value.stored = StoredAs::text;
  const auto kept = std::make_shared<const RawElements>(std::move(elements));
  value.load = [kept]() -> Result<RawElements> { return *kept; };
  return pass;
}

// Numbers and nothing else: a value's rows, line by line.
std::optional<RawPass> read_number_text(const FileMap& map) {
  constexpr std::string_view kBetween = " \t,;[]()";
  std::string_view text = text_of(map.bytes());
  RawElements elements;
  PrintedNumbers digits;
  std::vector<int64_t> lengths;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    const size_t before = elements.values.size();
    for (;;) {
      line.remove_prefix(std::min(line.find_first_not_of(kBetween), line.size()));
      if (line.empty()) break;
      const std::string_view word = line.substr(0, line.find_first_of(kBetween));
      const auto number = parse_number(word);
      if (!number) return std::nullopt;
      digits.add(word);
      elements.values.push_back(static_cast<float>(*number));
      line.remove_prefix(word.size());
    }
    if (elements.values.size() > before)
      lengths.push_back(static_cast<int64_t>(elements.values.size() - before));
  }
  if (elements.values.empty()) return std::nullopt;
  RawPass pass;
  pass.path = map.path();
  pass.producer = "numbers in text";
  if (take_run_array(stem_of(map.path()), number_list(text_of(map.bytes())), pass)) return pass;
  RawValue value;
  value.name = stem_of(map.path());
  value.shape = {static_cast<int64_t>(elements.values.size())};
  const bool even = std::all_of(lengths.begin(), lengths.end(), [&](int64_t n) { return n == lengths[0]; });
  if (even && lengths.size() > 1 && lengths[0] > 1)
    value.shape = {static_cast<int64_t>(lengths.size()), lengths[0]};
  value.quantum = digits.quantum();
  value.stored = value.quantum > 0 ? StoredAs::text : StoredAs::f32;
  const auto kept = std::make_shared<const RawElements>(std::move(elements));
  value.load = [kept]() -> Result<RawElements> { return *kept; };
  pass.values.push_back(std::move(value));
  return pass;
}

// Three lines: the prompt, how many ids, the ids.
std::optional<RawPass> read_prompt_text(const FileMap& map) {
  constexpr std::string_view kIds = "token ids: ";
  std::string_view text = text_of(map.bytes());
  if (!text.starts_with("prompt: ")) return std::nullopt;
  const size_t at = text.rfind(kIds);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + kIds.size());
  const auto tokens = number_list(next_line(text));
  if (!tokens || tokens->empty()) return std::nullopt;
  RawPass pass;
  pass.path = map.path();
  pass.producer = "llama-debug";
  pass.tokens = *tokens;
  return pass;
}

}  // namespace

Result<std::vector<RawPass>> read_saved_logits(SharedMap map, const DumpContext& context) {
  if (auto tokens = as_token_ids(map->bytes())) {
    RawPass pass;
    pass.path = map->path();
    pass.producer = "token ids";
    pass.tokens = std::move(*tokens);
    return std::vector{std::move(pass)};
  }
  std::optional<RawPass> pass = read_prompt_text(*map);
  if (!pass) pass = read_indexed_text(*map);
  if (!pass) pass = read_number_text(*map);
  if (stem_of(map->path()).ends_with("-embeddings")) {
    return Error{ErrorCode::unsupported, map->path(),
                 "holds embeddings as llama-debug normalises them: no value of a pass",
                 "use llama-eval-callback, or llama-debug --save-logits without --embedding"};
  }
  if (!pass) pass = read_binary(map, context);
  if (!pass) return not_understood(map->path());
  return std::vector{std::move(*pass)};
}

}  // namespace kilter::analysis
