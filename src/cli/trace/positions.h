// Which rows of a run are asked for.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kilter/result.h"

namespace kilter::cli {

/// "0,5,10-20,last" as positions of a run of n tokens, ascending, each once. `last` is n - 1; a part "a-b"
/// means both ends and all between them.
/// Errors: usage, naming the part that is no position, lies beyond the run, or runs backwards.
Result<std::vector<int32_t>> parse_positions(std::string_view text, int64_t n);

}  // namespace kilter::cli
