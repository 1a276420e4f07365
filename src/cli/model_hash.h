// Which model a report is about.
#pragma once

#include <string>

#include "gguf/file.h"
#include "kilter/result.h"

namespace kilter::cli {

/// SHA-256 of the files of a model, one after the other: 64 hexadecimal digits. Errors: those of
/// FileMap::open.
Result<std::string> model_hash(const gguf::File& file);

}  // namespace kilter::cli
