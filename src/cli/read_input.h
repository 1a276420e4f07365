// Reading what was piped in.
#pragma once

#include <string>

#include "kilter/result.h"

namespace kilter::cli {

/// Everything on standard input. Errors: io (with the system's reason), interrupted.
Result<std::string> read_standard_input();

}  // namespace kilter::cli
