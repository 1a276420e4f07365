// The text of llama.cpp's eval-callback and llama-debug: a graph for each pass, a header and a few numbers
// for each of its values. Source: llama.cpp, common/debug.cpp and examples/eval-callback, from April 2024 on.
#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <utility>

#include "analysis/dump/formats/eval_lines.h"
#include "analysis/dump/formats/formats.h"
#include "analysis/dump/formats/stored_values.h"

namespace kilter::analysis {
namespace {

constexpr size_t kMostValues = size_t{1} << 22;

class EvalReader {
 public:
  explicit EvalReader(std::string path) : path_(std::move(path)) {}

  void line(std::string_view raw) {
    const std::string line = plain_line(raw);
    if (auto header = parse_eval_header(line)) {
      finish_value();
      begin_value(std::move(*header));
      return;
    }
    if (header_ && block_.take(line)) return;
    take_log(line);
  }

  Result<std::vector<RawPass>> finish(const DumpContext& context);

 private:
  void begin_value(EvalHeader header);
  void finish_value();
  void take_log(std::string_view line);
  void drop_warm_up(size_t n_tokens);
  void drop_partial_sums();

  std::string path_;
  std::vector<RawPass> passes_;
  std::set<std::string> seen_;  // of the pass that runs: values by name, op and sources
  std::optional<EvalHeader> header_;
  EvalBlock block_;
  std::vector<int32_t> tokens_;
  size_t tokens_to_come_ = 0;  // lines with one id each
  size_t tokens_in_text_ = 0;  // `text(id) text(id)`, so many
  bool warming_up_ = false;    // said before the first value
  size_t n_values_ = 0;
};

// What distinguishes the values of one run of the graph.
std::string key_of(const EvalHeader& header) {
  std::string key = header.name + "\n" + header.op;
  for (const std::string& source : header.sources) key += "\n" + source;
  return key;
}

void EvalReader::begin_value(EvalHeader header) {
  const bool fresh = seen_.insert(key_of(header)).second;
  // The scripts write RoPE's values once a layer, under one name.
  const bool once_a_layer = header.op.empty() && header.name.starts_with("RoPE");
  if (passes_.empty() || (!fresh && !once_a_layer)) {
    passes_.emplace_back();
    passes_.back().path = path_;
    passes_.back().producer =
        header.op.empty() ? "llama.cpp's scripts for transformers" : "llama.cpp eval-callback";
    seen_ = {key_of(header)};
  }
  RawPass& pass = passes_.back();
  for (size_t i = 0; i < header.sources.size(); ++i) {
    if (header.sources[i] == "inp_tokens" && !header.source_ne[i].empty())
      pass.n_tokens = header.source_ne[i][0];
  }
  header_ = std::move(header);
  block_ = {};
}

void EvalReader::finish_value() {
  if (!header_) return;
  EvalHeader header = std::move(*header_);
  header_.reset();
  if (++n_values_ > kMostValues) return;
  RawPass& pass = passes_.back();
  // Weights in blocks are not printed; a part of a batch without outputs has values of no rows.
  if (block_.empty() || checked_elements(header.shape) == 0) return;
  auto numbers = block_.numbers(header.shape);
  if (!numbers) {
    pass.unmatched.push_back({header.name, "has printed numbers that do not fit its shape " +
                                               shape_text(header.shape) +
                                               "; the log is cut or mixed up there"});
    return;
  }
  RawValue value;
  value.name = header.name;
  value.op = header.op;
  value.sources = header.sources;
  value.shape = header.shape;
  value.stored = StoredAs::text;
  value.integers = header.type.starts_with("i");
  value.quantum = value.integers ? 0 : numbers->quantum;
  value.partial = static_cast<int64_t>(numbers->elements.values.size()) != value.elements();
  if (numbers->sum) value.sums.push_back(*numbers->sum);
  const auto kept = std::make_shared<const RawElements>(std::move(numbers->elements));
  value.load = [kept]() -> Result<RawElements> { return *kept; };
  pass.values.push_back(std::move(value));
}

// eval-callback says "number of input tokens = 2" and then an id a line; llama-debug "Token ids (2):" and
// then each token's text with its id behind it.
void EvalReader::take_log(std::string_view line) {
  const auto count_behind = [&](std::string_view words) -> size_t {
    const size_t at = line.find(words);
    if (at == std::string_view::npos) return 0;
    std::string_view rest = line.substr(at + words.size());
    const auto numbers = number_list(rest.substr(0, rest.find_first_not_of("0123456789")));
    return numbers && numbers->size() == 1 ? static_cast<size_t>(std::max(0, (*numbers)[0])) : 0;
  };
  if (line.find("warming up the model") != std::string_view::npos && passes_.empty()) warming_up_ = true;
  if (const size_t n = count_behind("number of input tokens = ")) {
    tokens_.clear();
    tokens_to_come_ = n;
  } else if (const size_t m = count_behind("Token ids (")) {
    tokens_.clear();
    tokens_in_text_ = m;
  } else if (tokens_to_come_ > 0) {
    const size_t blank = line.rfind(' ');
    const auto id = number_list(blank == std::string_view::npos ? line : line.substr(blank));
    tokens_to_come_ = id && id->size() == 1 ? tokens_to_come_ - 1 : 0;
    if (id && id->size() == 1) tokens_.push_back((*id)[0]);
  } else if (tokens_in_text_ > 0) {
    for (size_t at = 0; (at = line.find('(', at)) != std::string_view::npos; ++at) {
      const size_t end = line.find_first_not_of("0123456789", at + 1);
      if (end == std::string_view::npos || end == at + 1 || !line.substr(end).starts_with(")")) continue;
      if (const auto id = number_list(line.substr(at + 1, end - at - 1)); id && id->size() == 1) {
        tokens_.push_back((*id)[0]);
      }
    }
    tokens_in_text_ = 0;
  }
}

void EvalReader::drop_warm_up(size_t n_tokens) {
  if (passes_.size() < 2) return;
  int64_t rest = 0;
  for (size_t i = 1; i < passes_.size(); ++i) rest += passes_[i].n_tokens;
  const bool fits_without = n_tokens > 0 && rest == static_cast<int64_t>(n_tokens);
  if (!warming_up_ && !(fits_without && passes_[0].n_tokens > 0)) return;
  passes_.erase(passes_.begin());
  passes_[0].remarks.push_back({path_, "begins with a warm-up run, which is left out"});
}

// A version of 2024 added up the printed numbers only. Then each sum is that of what is shown.
void EvalReader::drop_partial_sums() {
  size_t n = 0;
  for (const RawPass& pass : passes_) {
    for (const RawValue& value : pass.values) {
      if (!value.partial || value.sums.empty() || value.integers) continue;
      const auto elements = value.load();
      double sum = 0;
      for (const float number : elements->values) sum += number;
      const double rounding =
          value.quantum * static_cast<double>(elements->values.size()) + value.sums[0].quantum;
      if (!(std::abs(sum - value.sums[0].sum) <= rounding)) return;
      ++n;
    }
  }
  constexpr size_t kNoChance = 3;
  if (n < kNoChance) return;
  for (RawPass& pass : passes_) {
    for (RawValue& value : pass.values) value.sums.clear();
  }
  passes_[0].remarks.push_back(
      {path_, "has sums of the printed numbers only, which prove nothing about the others"});
}

Result<std::vector<RawPass>> EvalReader::finish(const DumpContext& context) {
  finish_value();
  if (passes_.empty()) return not_understood(path_);
  drop_warm_up(context.tokens.empty() ? tokens_.size() : context.tokens.size());
  drop_partial_sums();
  // The ids of the whole run, pass by pass.
  size_t used = 0;
  for (RawPass& pass : passes_) {
    const size_t n = passes_.size() == 1 ? tokens_.size() : static_cast<size_t>(pass.n_tokens);
    if (n == 0 || n > tokens_.size() - used) break;
    pass.tokens.assign(tokens_.begin() + static_cast<ptrdiff_t>(used),
                       tokens_.begin() + static_cast<ptrdiff_t>(used + n));
    used += n;
  }
  return std::move(passes_);
}

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

bool is_eval_text(std::string_view text) {
  constexpr size_t kFurthest = size_t{64} << 20;
  constexpr size_t kLongestHeader = 1024;
  text = text.substr(0, kFurthest);
  for (size_t at = 0; (at = text.find(" = (", at)) != std::string_view::npos; ++at) {
    const size_t earliest = at - std::min(at, kLongestHeader);
    const std::string_view around = text.substr(earliest, 2 * kLongestHeader);
    const size_t begin = around.rfind('\n', at - earliest) + 1;  // npos + 1 is 0
    const size_t end = std::min(around.find('\n', at - earliest), around.size());
    if (parse_eval_header(plain_line(around.substr(begin, end - begin)))) return true;
  }
  return false;
}

Result<std::vector<RawPass>> read_eval_text(const SharedMap& map, const DumpContext& context) {
  EvalReader reader(map->path());
  std::string_view text = text_of(map->bytes());
  while (!text.empty()) reader.line(take_line(text));
  return reader.finish(context);
}

}  // namespace kilter::analysis
