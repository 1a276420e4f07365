// What read_config() accepts, what it derives, and which key it names when it refuses.
#include <gtest/gtest.h>

#include <cmath>

#include "model/config.h"

namespace kilter {
namespace {

using gguf::Metadata;
using gguf::Value;

// The keys of TinyLlama-1.1B.
Metadata tinyllama() {
  Metadata m;
  const auto add = [&](std::string key, Value value) {
    m.entries.push_back({std::move(key), std::move(value)});
  };
  add("general.architecture", std::string("llama"));
  add("general.name", std::string("tinyllama"));
  add("llama.block_count", uint32_t{22});
  add("llama.context_length", uint32_t{2048});
  add("llama.embedding_length", uint32_t{2048});
  add("llama.feed_forward_length", uint32_t{5632});
  add("llama.attention.head_count", uint32_t{32});
  add("llama.attention.head_count_kv", uint32_t{4});
  add("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  add("llama.rope.dimension_count", uint32_t{64});
  return m;
}

void set(Metadata& m, const std::string& key, Value value) {
  std::erase_if(m.entries, [&](const gguf::KeyValue& e) { return e.key == key; });
  m.entries.push_back({key, std::move(value)});
}

void drop(Metadata& m, const std::string& key) {
  std::erase_if(m.entries, [&](const gguf::KeyValue& e) { return e.key == key; });
}

Config accepted(const Metadata& m) {
  Result<Config> config = read_config(m);
  EXPECT_TRUE(config.ok()) << config.error().message();
  return config.ok() ? *config : Config{};
}

Error refused(const Metadata& m) {
  const Result<Config> config = read_config(m);
  EXPECT_FALSE(config.ok());
  return config.ok() ? Error{} : config.error();
}

TEST(ReadConfig, ReadsTinyLlama) {
  const Config c = accepted(tinyllama());
  EXPECT_EQ(c.architecture->name, "llama");
  EXPECT_EQ(c.n_layer, 22);
  EXPECT_EQ(c.n_embd, 2048);
  EXPECT_EQ(c.n_ctx_train, 2048);
  EXPECT_EQ(c.n_embd_head_k, 64);
  EXPECT_EQ(c.n_embd_head_v, 64);
  EXPECT_EQ(c.rms_eps, double{1e-5F});
  EXPECT_EQ(c.attention_scale, 0.125);
  ASSERT_EQ(c.layers.size(), 22U);
  EXPECT_EQ(c.layers[21].n_head, 32);
  EXPECT_EQ(c.layers[21].n_head_kv, 4);
  EXPECT_EQ(c.layers[21].n_ff, 5632);
  EXPECT_EQ(c.rope.freq_base, 10000.0);
  EXPECT_EQ(c.rope.scaling, RopeScaling::none);
}

TEST(ReadConfig, KvHeadsDefaultToQueryHeads) {
  Metadata m = tinyllama();
  drop(m, "llama.attention.head_count_kv");
  EXPECT_EQ(accepted(m).layers[0].n_head_kv, 32);
}

TEST(ReadConfig, HeadWidthsMayBeStated) {
  Metadata m = tinyllama();
  set(m, "llama.attention.key_length", uint32_t{96});
  set(m, "llama.attention.value_length", uint32_t{80});
  const Config c = accepted(m);
  EXPECT_EQ(c.n_embd_head_k, 96);
  EXPECT_EQ(c.n_embd_head_v, 80);
  EXPECT_EQ(c.attention_scale, 1 / std::sqrt(96.0));
}

TEST(ReadConfig, LayersMayDiffer) {
  Metadata m = tinyllama();
  set(m, "llama.block_count", uint32_t{2});
  set(m, "llama.feed_forward_length", gguf::Array{std::vector<int32_t>{256, 512}});
  const Config c = accepted(m);
  EXPECT_EQ(c.layers[0].n_ff, 256);
  EXPECT_EQ(c.layers[1].n_ff, 512);
}

TEST(ReadConfig, AFactorAloneMeansLinear) {
  Metadata m = tinyllama();
  set(m, "llama.rope.scaling.factor", 4.0F);
  EXPECT_EQ(accepted(m).rope.scaling, RopeScaling::linear);
  Metadata old = tinyllama();
  set(old, "llama.rope.scale_linear", 2.0F);
  EXPECT_EQ(accepted(old).rope.scaling, RopeScaling::linear);
  EXPECT_EQ(accepted(old).rope.factor, 2.0);
}

TEST(ReadConfig, YarnTakesTheTrainedContextUnlessItIsStated) {
  Metadata m = tinyllama();
  set(m, "llama.rope.scaling.type", std::string("yarn"));
  set(m, "llama.rope.scaling.factor", 4.0F);
  EXPECT_EQ(accepted(m).rope.original_context_length, 2048);
  set(m, "llama.rope.scaling.original_context_length", uint32_t{512});
  EXPECT_EQ(accepted(m).rope.original_context_length, 512);
}

// What llama_model_save_to_file() writes beside the scaling of a YaRN model, for numbers that nobody stated.
TEST(ReadConfig, TakesTheNumbersThatLlamaCppSavesForNotStated) {
  Metadata m = tinyllama();
  set(m, "llama.attention.scale", 0.0F);
  set(m, "llama.rope.scaling.type", std::string("yarn"));
  set(m, "llama.rope.scaling.factor", 4.0F);
  set(m, "llama.rope.scaling.attn_factor", 1.0F);
  set(m, "llama.rope.scaling.yarn_ext_factor", -1.0F);
  set(m, "llama.rope.scaling.yarn_attn_factor", 1.0F);
  const Config c = accepted(m);
  EXPECT_EQ(c.attention_scale, 0.125);
  EXPECT_EQ(c.rope.yarn_ext_factor, 1.0);
  EXPECT_EQ(c.rope.yarn_attn_factor, 0.0);
}

TEST(ReadConfig, TakesTheNumbersOfYarnThatAreStated) {
  Metadata m = tinyllama();
  set(m, "llama.attention.scale", 0.25F);
  set(m, "llama.rope.scaling.type", std::string("yarn"));
  set(m, "llama.rope.scaling.yarn_ext_factor", 0.0F);
  set(m, "llama.rope.scaling.yarn_attn_factor", 1.0F);
  const Config c = accepted(m);
  EXPECT_EQ(c.attention_scale, 0.25);
  EXPECT_EQ(c.rope.yarn_ext_factor, 0.0);
  EXPECT_EQ(c.rope.yarn_attn_factor, 1.0);
}

TEST(ReadConfig, RefusesAnUnknownArchitectureWithTheListOfThoseThatRun) {
  Metadata m = tinyllama();
  set(m, "general.architecture", std::string("mamba"));
  const Error e = refused(m);
  EXPECT_EQ(e.code, ErrorCode::unsupported);
  EXPECT_NE(e.sentence.find("'mamba'"), std::string::npos);
  for (const Architecture* a : all_architectures()) {
    EXPECT_NE(e.sentence.find(std::string(a->name)), std::string::npos) << a->name;
  }
}

TEST(ReadConfig, NamesTheMissingKey) {
  for (const char* key :
       {"llama.block_count", "llama.context_length", "llama.embedding_length", "llama.feed_forward_length",
        "llama.attention.head_count", "llama.attention.layer_norm_rms_epsilon"}) {
    Metadata m = tinyllama();
    drop(m, key);
    const Error e = refused(m);
    EXPECT_EQ(e.code, ErrorCode::not_found) << key;
    EXPECT_EQ(e.subject, "key '" + std::string(key) + "'");
  }
}

TEST(ReadConfig, NamesTheKeyThatIsOutOfRange) {
  const float nan = std::nanf("");
  const std::vector<std::pair<std::string, Value>> wrong = {
      {"llama.block_count", uint32_t{0}},
      {"llama.block_count", uint64_t{1} << 40},
      {"llama.block_count", int32_t{-1}},
      {"llama.embedding_length", uint32_t{0}},
      {"llama.attention.head_count", uint32_t{0}},
      {"llama.attention.head_count_kv", uint32_t{0}},
      {"llama.attention.layer_norm_rms_epsilon", 0.0F},
      {"llama.attention.layer_norm_rms_epsilon", nan},
      {"llama.attention.key_length", uint32_t{0}},
      {"llama.rope.dimension_count", uint32_t{63}},
      {"llama.rope.dimension_count", uint32_t{66}},
      {"llama.rope.freq_base", -1.0F},
      {"llama.attention.scale", -1.0F},
      {"llama.rope.scaling.factor", nan},
      {"llama.rope.scaling.yarn_ext_factor", nan},
      {"llama.rope.scaling.yarn_attn_factor", -1.0F},
      {"llama.rope.scaling.type", std::string("longrope")},
      {"llama.feed_forward_length", gguf::Array{std::vector<int32_t>{1, 2, 3}}},
      {"llama.feed_forward_length", std::string("many")},
      {"llama.expert_count", uint32_t{8}},
  };
  for (const auto& [key, value] : wrong) {
    Metadata m = tinyllama();
    set(m, key, value);
    const Error e = refused(m);
    EXPECT_EQ(e.subject, "key '" + std::string(key) + "'") << gguf::to_string(value);
    EXPECT_FALSE(e.sentence.empty());
  }
}

TEST(ReadConfig, RefusesHeadsThatCannotShare) {
  Metadata m = tinyllama();
  set(m, "llama.attention.head_count_kv", uint32_t{5});
  EXPECT_EQ(refused(m).subject, "key 'llama.attention.head_count'");
}

TEST(ReadConfig, RefusesAnEmbeddingThatHeadsDoNotDivide) {
  Metadata m = tinyllama();
  set(m, "llama.attention.head_count", uint32_t{24});
  set(m, "llama.attention.head_count_kv", uint32_t{24});
  EXPECT_EQ(refused(m).subject, "key 'llama.embedding_length'");
}

}  // namespace
}  // namespace kilter
