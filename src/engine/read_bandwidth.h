// How fast this machine reads memory at best: the roof of whatever reads each weight once.
#pragma once

#include "kilter/result.h"

namespace kilter {

/// Bytes a second that `threads` threads read together from memory that no cache holds (512 MiB, or four
/// times the last cache if that is more), each its own part from front to back; the best of several tries.
/// Takes about a second. Errors: memory.
Result<double> measured_read_bandwidth(int threads);

}  // namespace kilter
