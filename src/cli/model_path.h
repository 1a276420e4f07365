// Where pulled models are kept, and how commands find a MODEL argument.
#pragma once

#include <string>

#include "cli/args.h"
#include "kilter/result.h"

namespace kilter::cli {

/// ${XDG_CACHE_HOME:-~/.cache}/kilter/models. Errors: usage, when neither variable says where that is.
Result<std::string> models_folder(const Environment& environment);

/// The path of the model that a MODEL argument names: a path as it is, or a spec of `kilter pull` (hf:...,
/// pypi:...) in the folder of pulled models. Errors: usage, for a spec that cannot be read; not_found, with
/// the pull command, when it was not pulled yet.
Result<std::string> find_model(const std::string& argument, const Environment& environment);

}  // namespace kilter::cli
