// How much memory this process may still take.
#pragma once

#include <cstdint>
#include <optional>

namespace kilter {

/// Bytes of memory that can be used now without pushing out what other processes hold: free memory, caches
/// that can be dropped and free swap space, or what the limit of the control group leaves if that is less.
/// Nothing where the system does not say. Linux promises more than it has and ends the process that uses it,
/// so this is asked before a large piece is touched.
std::optional<uint64_t> free_memory();

/// Bytes of memory that this process holds now, mapped files included. Nothing where the system does not say.
std::optional<uint64_t> resident_memory();

}  // namespace kilter
