#include "model/forward.h"

namespace kilter {

// What each stage means stands in ops/stages.cc.
void forward(Ops& ops, const Model& m, const Batch& batch, const KvCache& kv, Activations& a) {
  ops.embedding(m.token_embd, batch, a.x);  // x [T, D]

  for (int il = 0; il < m.config.n_layer; ++il) {
    const Layer& w = m.layers[static_cast<size_t>(il)];
    const Workspace::Scope scratch(ops.workspace());
    AttentionActivations attn(ops.workspace(), w, batch);

    ops.attention_input(il, w, batch, a.x, attn.qkv);              // q [T, H, Hk]  k [T, K, Hk]  v [T, K, Hv]
    ops.attention(il, w, batch, attn.qkv, kv.view(il), attn.mix);  // mix [T, H, Hv]
    ops.attention_output(il, w, attn.mix, a.x);                    // x += attn_output . mix
    ops.feed_forward(il, w, a.x);                                  // x += ffn_down . (silu(gate) * up)
  }

  ops.head(m.head, batch, a.x, a.logits);  // logits [R, V]
}

}  // namespace kilter
