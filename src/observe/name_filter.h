// Which values a person wants to see.
#pragma once

#include <regex>
#include <string>
#include <string_view>

#include "kilter/result.h"
#include "ops/point.h"

namespace kilter {

/// A regular expression over the names of values.
class NameFilter {
 public:
  /// Everything.
  NameFilter() = default;

  /// Names of which some part matches `pattern` (ECMAScript without back references): "attn_q", "^blk\.0\.",
  /// "norm$|logits". An empty pattern matches every name. Errors: usage, when it is no regular
  /// expression, or has more than 1000 characters.
  static Result<NameFilter> create(const std::string& pattern);

  bool matches(std::string_view name) const;
  bool matches(At at) const { return matches(to_string(at)); }

 private:
  std::regex pattern_{""};
};

}  // namespace kilter
