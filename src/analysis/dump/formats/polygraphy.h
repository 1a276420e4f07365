// Polygraphy's saved results.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "analysis/dump/raw_dump.h"

namespace kilter::analysis {

/// Whether the JSON value has Polygraphy's marks.
bool is_polygraphy(const boost::json::value& top);

/// RunResults, or a list of maps from name to array. Each iteration of the first runner is a pass; a second
/// runner is left out, with a remark. The arrays are kept in memory as the file has them.
/// Source: polygraphy 0.53, polygraphy/json/serde.py and comparator/struct.py.
/// Errors: corrupt; unsupported for arrays of PyTorch.
Result<std::vector<RawPass>> read_polygraphy(const boost::json::value& top, const std::string& path);

}  // namespace kilter::analysis
