// The values that pass from stage to stage, shapes on every line.
#pragma once

#include "model/model.h"
#include "ops/batch.h"
#include "ops/device.h"

namespace kilter {

/// Taken from the scratch memory of one pass: T rows in the batch, R of them with logits.
struct Activations {
  Tensor x;       ///< [T, D]      the residual stream
  Tensor logits;  ///< [R, V]

  Activations(Workspace& scratch, const Model& m, const Batch& batch)
      : x(scratch.take({batch.size(), m.config.n_embd})),
        logits(scratch.take({static_cast<int64_t>(batch.logit_rows.size()), m.n_vocab()})) {}
};

/// The values inside one layer's attention.
struct AttentionActivations {
  Qkv qkv;
  Tensor mix;  ///< [T, H, Hv]

  AttentionActivations(Workspace& scratch, const Layer& w, const Batch& batch)
      : qkv{.q = scratch.take({batch.size(), w.n_head, w.head_k}),
            .k = scratch.take({batch.size(), w.n_head_kv, w.head_k}),
            .v = scratch.take({batch.size(), w.n_head_kv, w.head_v})},
        mix(scratch.take({batch.size(), w.n_head, w.head_v})) {}
};

}  // namespace kilter
