// JSON that a person can read too.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace kilter::cli {

/// `value` indented by two spaces, keys in the order they were added, a line end behind it. Arrays of plain
/// values stand on one line. Numbers are written with the fewest digits that read back as the same number;
/// NaN and infinity, which JSON cannot write, become null. Bytes that are not UTF-8 become U+FFFD.
std::string json_text(const boost::json::value& value);

/// A string of a report: `text` with U+FFFD for every byte that is not UTF-8.
std::string json_string(std::string_view text);

}  // namespace kilter::cli
