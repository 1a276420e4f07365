#include "observe/name_filter.h"

#include "base/utf8.h"

namespace kilter {
namespace {

// The library's compiler calls itself for every open bracket: a long pattern would use up the stack.
constexpr size_t kLongestPattern = 1000;

// libstdc++ matches by trying, in exponential time for patterns like (.*)*(.*)*x, unless it is asked for its
// other way, which follows all tries at once. That one has no back references.
constexpr auto kGrammar = std::regex::ECMAScript | std::regex_constants::__polynomial;

}  // namespace

Result<NameFilter> NameFilter::create(const std::string& pattern) {
  if (pattern.size() > kLongestPattern) {
    return Error{ErrorCode::usage, quoted(pattern),
                 "has more than " + std::to_string(kLongestPattern) + " characters",
                 "write a shorter pattern"};
  }
  NameFilter filter;
  try {
    filter.pattern_ = std::regex(pattern, kGrammar);
  } catch (const std::regex_error& error) {
    return Error{ErrorCode::usage, quoted(pattern),
                 std::string("is not a regular expression: ") + error.what(),
                 "write a part of a name, like attn_q, or several, like attn_norm|logits"};
  }
  return filter;
}

bool NameFilter::matches(std::string_view name) const {
  return std::regex_search(name.begin(), name.end(), pattern_);
}

}  // namespace kilter
