// From the name of a backend to its ops.
#pragma once

#include <memory>
#include <string_view>

#include "kilter/result.h"
#include "ops/ops.h"

namespace kilter {

/// `threads` as in LoadOptions. Errors: usage for an unknown name, with the list of those in this build.
Result<std::unique_ptr<Ops>> make_backend(std::string_view name, int threads);

}  // namespace kilter
