#include "cli/bench/plan.h"

#include <algorithm>
#include <charconv>

#include "base/utf8.h"

namespace kilter::cli {
namespace {

template <typename Use>
void each_part(std::string_view text, const Use& use) {
  while (true) {
    const size_t comma = std::min(text.find(','), text.size());
    use(text.substr(0, comma));
    if (comma == text.size()) return;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

std::string_view to_string(BenchKind kind) { return kind == BenchKind::prefill ? "prefill" : "decode"; }

int64_t BenchPlan::n_ctx() const {
  int64_t longest = 1;
  for (const BenchTest& test : tests) longest = std::max(longest, test.depth + test.tokens);
  return longest;
}

Result<std::vector<int64_t>> parse_numbers(const std::string& option, std::string_view text, int64_t least) {
  constexpr int64_t kMost = int64_t{1} << 30;
  std::vector<int64_t> numbers;
  std::string bad;
  each_part(text, [&](std::string_view part) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    const bool good = error == std::errc() && end == part.data() + part.size();
    if ((!good || number < least || number > kMost) && bad.empty()) bad = quoted(part);
    numbers.push_back(number);
  });
  if (bad.empty()) return numbers;
  return Error{ErrorCode::usage, option,
               bad + " is not a number from " + std::to_string(least) + " to " + std::to_string(kMost),
               "write numbers with commas between them, as in " + option + " 16,512"};
}

std::vector<std::string> parse_names(std::string_view text) {
  std::vector<std::string> names;
  each_part(text, [&](std::string_view part) { names.emplace_back(part); });
  return names;
}

std::vector<BenchTest> make_tests(const std::vector<int64_t>& prompts, const std::vector<int64_t>& answers,
                                  std::vector<int64_t> depths) {
  std::vector<BenchTest> tests;
  for (const int64_t tokens : prompts) {
    if (tokens > 0) tests.push_back({BenchKind::prefill, tokens, 0});
  }
  std::sort(depths.begin(), depths.end());
  for (const int64_t depth : depths) {
    for (const int64_t tokens : answers) {
      if (tokens > 0) tests.push_back({BenchKind::decode, tokens, depth});
    }
  }
  return tests;
}

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {median, values.front(), values.back()};
}

double BenchRun::bytes_per_token() const {
  return static_cast<double>(all.cost.weight_bytes + all.cached_bytes) / tokens();
}

double BenchRun::multiply_adds_per_second() const {
  return static_cast<double>(all.cost.multiply_adds) / tokens() * tokens_per_second.median;
}

double BenchRun::share_of_int8() const {
  if (int8_roof <= 0) return 0;
  return static_cast<double>(all.int8_multiply_adds) / tokens() * tokens_per_second.median / int8_roof;
}

bool BenchRun::stays_in_cache() const {
  const auto passes = static_cast<double>(stages[static_cast<size_t>(Stage::embedding)].calls);
  return passes > 0 && bytes_per_token() * tokens() / passes <= own_cache_bytes;
}

std::string_view BenchRun::verdict() const {
  constexpr double kNear = 0.7;    // of a roof that nothing reaches quite
  constexpr double kBeyond = 1.1;  // more than a measuring error above what the memory gives
  const double read = share_of_read();
  if (share_of_int8() >= kNear && (stays_in_cache() || share_of_int8() > read))
    return "bound by multiply-adds";
  if (stays_in_cache() || read > kBeyond) return "read from the cache";
  return read >= kNear ? "bound by memory" : "bound by neither";
}

}  // namespace kilter::cli
