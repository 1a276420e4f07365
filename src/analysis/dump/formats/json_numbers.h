// Numbers inside JSON.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/dump/raw_dump.h"
#include "kilter/result.h"

namespace kilter::analysis {

/// Parses a whole file. Bare NaN and Infinity, which Python writes, become strings.
/// Errors: corrupt, unsupported for more than 512 MiB; they name `path`.
Result<boost::json::value> parse_json(std::string_view text, const std::string& path);

/// Nested lists as one array. Elements are numbers, the strings "nan", "inf", "-inf", or null for one that is
/// not known.
struct JsonNumbers {
  std::vector<int64_t> shape;
  RawElements elements;
  double quantum = 0;  ///< read off the digits
  bool integers = false;
};
/// Errors: corrupt (ragged, or not numbers), naming `subject`.
Result<JsonNumbers> json_numbers(const boost::json::value& nested, std::string_view subject);

/// A list of integers of 32 bits; nothing for anything else.
std::optional<std::vector<int32_t>> json_integers(const boost::json::value* list);
std::optional<std::vector<int64_t>> json_extents(const boost::json::value* list);

}  // namespace kilter::analysis
