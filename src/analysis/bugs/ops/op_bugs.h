// The catalogue's bugs of operations: what an engine may do wrongly with weights that it read rightly.
#pragma once

#include <span>

#include "analysis/bugs/bug.h"

namespace kilter::analysis {

/// By rank.
std::span<const Bug* const> op_bugs();

}  // namespace kilter::analysis
