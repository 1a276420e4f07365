// Ctrl-C, politely: a request that long work notices.
#pragma once

#include "kilter/result.h"

namespace kilter::cli {

/// From now on the first SIGINT or SIGTERM sets a flag; a second one ends the process at once, as if nobody
/// had caught it. A pipe that nobody reads, and a file larger than the system's limit, become an error of the
/// write instead of a signal. A mapped file that is cut short while it is read ends the process with a
/// sentence.
void catch_signals();

/// Whether the person asked to stop. Long work polls it at least ten times a second.
bool interrupted();

/// What a command returns that stopped because of it.
Error interrupted_error();

}  // namespace kilter::cli
