// Values of a trace, for people and for programs.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "observe/summary_sink.h"

namespace kilter::cli {

/// One line: name, shape, the numbers at both ends, what they are like.
std::string value_line(const ValueSummary& v);

/// The same as JSON; what is no finite number is null.
boost::json::object value_json(const ValueSummary& v);

}  // namespace kilter::cli
