// What one forward pass of a model asks for, without computing it.
#pragma once

#include <cstdint>

#include "kilter/result.h"
#include "model/model.h"
#include "observe/listing_ops.h"
#include "ops/graph.h"

namespace kilter {

/// Runs the forward pass under `ops`: the last `rows` rows of a context of `n_ctx` positions, all with
/// logits. After it, ops.ops() lists every value, and ops.workspace().peak() is the scratch memory that the
/// pass takes. Errors: usage, when the numbers of the pass do not fit 64 bits.
Status list_forward(const Model& model, int64_t rows, int64_t n_ctx, ListingOps& ops);

/// Scratch memory, in floats, of such a pass under ops that run their stages so. Errors: the same.
Result<int64_t> scratch_floats(const Model& model, int64_t rows, int64_t n_ctx, Stages stages);

/// Which value of the model is made from which. Errors: the same.
Result<Graph> graph_of(const Model& model);

}  // namespace kilter
