// The transformer.
#pragma once

#include "model/activations.h"
#include "model/kv_cache.h"
#include "model/model.h"
#include "ops/ops.h"

namespace kilter {

/// One pass over the batch, for prefill and decode, any backend, any observer.
///   in   batch: rows of tokens; kv: every sequence of the batch already extended to hold its rows
///   out  a.logits [R, V]: what token follows each of batch.logit_rows; kv: the keys and values of all rows
/// Errors   none here: shapes were proved by load_model(); a device's own errors come from Device::finish().
/// Source   Vaswani et al. 2017; Touvron et al. 2023.
void forward(Ops& ops, const Model& m, const Batch& batch, const KvCache& kv, Activations& a);

}  // namespace kilter
