#include "cli/trace/positions.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string>

#include "base/utf8.h"

namespace kilter::cli {
namespace {

Error unusable(std::string_view part, std::string sentence) {
  return {ErrorCode::usage, "--positions", quoted(part) + " " + std::move(sentence),
          "write positions, ranges and `last`, with commas between them: 0,5,10-20,last"};
}

Result<int64_t> parse_end(std::string_view text, std::string_view part, int64_t n) {
  if (text == "last") return n - 1;
  int64_t position = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
  if (error == std::errc::result_out_of_range) position = n;
  const bool is_number = error != std::errc::invalid_argument && end == text.data() + text.size();
  if (!is_number || text.front() == '-') return unusable(part, "is no position");
  if (position < n) return position;
  return unusable(part, "lies beyond the run, whose last position is " + std::to_string(n - 1));
}

}  // namespace

Result<std::vector<int32_t>> parse_positions(std::string_view text, int64_t n) {
  std::set<int32_t> positions;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    const std::string_view part = text.substr(begin, comma - begin);
    begin = comma + 1;
    const size_t dash = part.find('-');
    KILTER_ASSIGN(const int64_t first, parse_end(part.substr(0, dash), part, n));
    int64_t last = first;
    if (dash != std::string_view::npos) {
      KILTER_ASSIGN(last, parse_end(part.substr(dash + 1), part, n));
    }
    if (last < first) return unusable(part, "runs backwards");
    for (int64_t position = first; position <= last; ++position) {
      positions.insert(static_cast<int32_t>(position));
    }
  }
  return std::vector<int32_t>(positions.begin(), positions.end());
}

}  // namespace kilter::cli
