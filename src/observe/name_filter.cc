#include "observe/name_filter.h"

namespace kilter {

Result<NameFilter> NameFilter::create(const std::string& pattern) {
  NameFilter filter;
  try {
    filter.pattern_ = std::regex(pattern, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    return Error{ErrorCode::usage, "'" + pattern + "'",
                 std::string("is not a regular expression: ") + error.what(),
                 "write a part of a name, like attn_q, or several, like attn_norm|logits"};
  }
  return filter;
}

bool NameFilter::matches(At at) const { return std::regex_search(to_string(at), pattern_); }

}  // namespace kilter
