#include "analysis/dump/names/names.h"

#include <gtest/gtest.h>

#include "support.h"

namespace kilter::analysis {
namespace {

// What a name means in the test's model: "blk.0.attn_q", or empty.
std::string meaning(std::string_view name, std::string_view op = "") {
  const TestModel model;
  RawValue value;
  value.name = name;
  value.op = op;
  const auto match = match_name(value, &model.graph, nullptr);
  return match ? to_string(match->at) : std::string();
}

TEST(Names, Ours) {
  EXPECT_EQ(meaning("blk.12.attn_q_rope"), "blk.12.attn_q_rope");
  EXPECT_EQ(meaning("logits"), "logits");
  EXPECT_EQ(meaning("blk.0.logits"), "");
  EXPECT_EQ(meaning("attn_q"), "");
}

TEST(Names, LlamaCppHooks) {
  EXPECT_EQ(meaning("Qcur-3"), "blk.3.attn_q_rope");
  EXPECT_EQ(meaning("kqv_out-1"), "blk.1.attn_mix");
  EXPECT_EQ(meaning("kqv_out-1", "MUL_MAT"), "blk.1.attn_output");
  EXPECT_EQ(meaning("l_out-0"), "blk.0.ffn_residual");
  EXPECT_EQ(meaning("result_output"), "logits");
  EXPECT_EQ(meaning("inp_embd"), "token_embd");
}

TEST(Names, HuggingFace) {
  EXPECT_EQ(meaning("model.layers.3.self_attn.q_proj"), "blk.3.attn_q");
  EXPECT_EQ(meaning("LlamaForCausalLM.model.layers.3.mlp.down_proj_inputs_args_0"), "blk.3.ffn_gated");
  EXPECT_EQ(meaning("LlamaForCausalLM.model.layers.3.mlp.down_proj_outputs"), "blk.3.ffn_down");
  EXPECT_EQ(meaning("model.layers.0_inputs"), "token_embd");
  EXPECT_EQ(meaning("model.layers.1.input_layernorm.input"), "blk.0.ffn_residual");
  EXPECT_EQ(meaning("model.layers.0.post_attention_layernorm_in"), "blk.0.attn_residual");
  EXPECT_EQ(meaning("hidden_states.0"), "token_embd");
  EXPECT_EQ(meaning("hidden_states[1]"), "blk.0.ffn_residual");
  EXPECT_EQ(meaning("hidden_states.2"), "output_norm");
  EXPECT_EQ(meaning("attentions.1"), "blk.1.attn_softmax");
  EXPECT_EQ(meaning("model.norm"), "output_norm");
  EXPECT_EQ(meaning("lm_head"), "logits");
}

TEST(Names, DottedPaths) {
  EXPECT_EQ(meaning("layers.0.attention.wq"), "blk.0.attn_q");
  EXPECT_EQ(meaning("layers.1.feed_forward.w2"), "blk.1.ffn_down");
  EXPECT_EQ(meaning("tok_embeddings"), "token_embd");
  EXPECT_EQ(meaning("layer_1/ffn_norm"), "blk.1.ffn_norm");
  EXPECT_EQ(meaning("norm"), "output_norm");
  EXPECT_EQ(meaning("layers.1.something"), "");
  EXPECT_EQ(meaning("Layer0.attn.q_pre_rope"), "blk.0.attn_q");
  EXPECT_EQ(meaning("blocks.1.attn.weights"), "blk.1.attn_softmax");
  EXPECT_EQ(meaning("l1.mlp.out"), "blk.1.ffn_down");
  EXPECT_EQ(meaning("l1.attn.out"), "blk.1.attn_output");
  EXPECT_EQ(meaning("l1.out"), "blk.1.ffn_residual");
  EXPECT_EQ(meaning("l1.norm"), "");
}

TEST(Names, TransformerLens) {
  EXPECT_EQ(meaning("blocks.1.attn.hook_rot_q"), "blk.1.attn_q_rope");
  EXPECT_EQ(meaning("blocks.0.hook_resid_mid"), "blk.0.attn_residual");
  EXPECT_EQ(meaning("hook_embed"), "token_embd");
  EXPECT_EQ(meaning("blocks.0.ln1.hook_normalized"), "");
}

TEST(Names, Llama2C) {
  const TestModel model;
  const auto candidates = [&](std::string_view name) {
    std::string text;
    for (const At at : llama2_c_candidates(name, &model.graph)) text += to_string(at) + " ";
    return text;
  };
  EXPECT_EQ(candidates("xb2_1"), "blk.1.attn_output ");
  EXPECT_EQ(candidates("layer0.hb2"), "blk.0.ffn_up ");
  EXPECT_EQ(candidates("q_0"), "blk.0.attn_q blk.0.attn_q_rope ");
  EXPECT_EQ(candidates("layers.0.attn.q"), "blk.0.attn_q blk.0.attn_q_rope ");
  EXPECT_EQ(candidates("l1_att"), "blk.1.attn_scores blk.1.attn_softmax ");
  EXPECT_EQ(candidates("x"), "token_embd output_norm ");
  EXPECT_EQ(candidates("y_0"), "");
}

TEST(Names, AMapComesFirst) {
  const std::string path = written("names.map",
                                   "# mine\n"
                                   "dec.*.qq = blk.*.attn_q\n"
                                   "logits = output_norm\n"
                                   "w.*.q = blk.*.attn_q.weight\n");
  const auto names = UserNames::read(path);
  ASSERT_TRUE(names.ok());
  RawValue value;
  value.name = "dec.7.qq";
  EXPECT_EQ(to_string(match_name(value, nullptr, &*names)->at), "blk.7.attn_q");
  value.name = "logits";
  EXPECT_EQ(to_string(match_name(value, nullptr, &*names)->at), "output_norm");
  EXPECT_EQ(match_weight("w.2.q", &*names)->tensor, "blk.2.attn_q.weight");
  const auto bad = UserNames::read(written("bad.map", "a = b\nonly one\n"));
  ASSERT_FALSE(bad.ok());
  EXPECT_NE(bad.error().message().find("line 2"), std::string::npos);
}

TEST(Names, Weights) {
  EXPECT_EQ(match_weight("blk.3.attn_q.weight", nullptr)->tensor, "blk.3.attn_q.weight");
  EXPECT_EQ(match_weight("model.layers.3.mlp.up_proj.weight", nullptr)->tensor, "blk.3.ffn_up.weight");
  EXPECT_EQ(match_weight("model.layers.3.self_attn.k_proj.weight", nullptr)->order, HeadOrder::hugging_face);
  EXPECT_EQ(match_weight("lm_head.weight", nullptr)->tensor, "output.weight");
  EXPECT_EQ(match_weight("model.embed_tokens.weight", nullptr)->tensor, "token_embd.weight");
  EXPECT_EQ(match_weight("layers.0.attention.wo.weight", nullptr)->tensor, "blk.0.attn_output.weight");
  EXPECT_EQ(match_weight("model.layers.3.self_attn.v_proj.bias", nullptr)->tensor, "blk.3.attn_v.bias");
  EXPECT_FALSE(match_weight("blk.3.attn_q", nullptr));
}

TEST(Names, LayersAreFoundInManySpellings) {
  for (const char* name : {"layers.5.x", "layer5_x", "h.5.x", "blk-5-x", "model/layers[5]/x", "l5_x"}) {
    const auto layer = split_layer(name);
    ASSERT_TRUE(layer) << name;
    EXPECT_EQ(layer->il, 5) << name;
    EXPECT_EQ(layer->rest, "x") << name;
  }
  EXPECT_FALSE(split_layer("hb2_0"));
  EXPECT_FALSE(split_layer("layers.x"));
}

}  // namespace
}  // namespace kilter::analysis
