// From the name of a backend to its ops, ready for a model.
#pragma once

#include <memory>

#include "kilter/engine.h"
#include "model/model.h"
#include "ops/ops.h"

namespace kilter {

/// The backend that the options ask for. Errors: usage for an unknown name, mode or cache type, with the list
/// of those in this build, and for an option that the backend does not have; unsupported for an instruction
/// set that this processor lacks.
Result<std::unique_ptr<Ops>> make_backend(const LoadOptions& options);

/// Lays out the model's weights for the backend, which from then on does not read them in the file. Errors:
/// memory; interrupted, by options.on_load.
Status prepare_backend(Ops& ops, const Model& model, const LoadOptions& options);

/// Tokens in a pass where nobody asks for a number.
int64_t default_chunk(const Ops& ops);

}  // namespace kilter
