// Bringing a file from the hub to the disk, through broken connections.
#pragma once

#include <string>

#include "cli/pull/hub.h"
#include "cli/pull/spec.h"
#include "kilter/result.h"

namespace kilter::cli {

/// Fetches `spec` to the path `destination`, whose folder exists. What an earlier try left is continued when
/// the hub still names the same content; a broken connection is tried again, with pauses. The file gets its
/// name after its SHA-256 was found to be the hub's (of a file for which the hub names none, only the size is
/// checked, and a line says so). Errors: those of Hub::locate; io (network, disk); mismatch, when the content
/// is not what the hub promised: what arrived is then kept beside `destination`, under another name;
/// interrupted.
Status fetch_from_hub(const Hub& hub, const HubSpec& spec, const std::string& destination);

}  // namespace kilter::cli
