#include "model/random_model.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "../base/temporary_folder.h"
#include "gguf/file.h"
#include "model/model.h"
#include "model/random/blocks.h"
#include "model/random/file_type.h"
#include "model/random/shape.h"
#include "quant/codec.h"

namespace kilter {
namespace {

const RandomModelProgress kNoProgress = [](uint64_t, uint64_t) { return Status(); };

Result<RandomModelSummary> write(const RandomModelRequest& request, const std::string& path,
                                 int n_threads = 1) {
  ThreadPool threads(n_threads);
  return write_random_model(request, path, threads, kNoProgress);
}

std::string bytes_of(const RandomModelRequest& request, int n_threads = 1) {
  const TemporaryFolder folder;
  const auto written = write(request, folder.file("m.gguf"), n_threads);
  EXPECT_TRUE(written.ok()) << written.error().message();
  return read_text(folder.file("m.gguf"));
}

std::string sha256(const std::string& bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::string text;
  for (const unsigned char b : digest) text += fmt::format("{:02x}", b);
  return text;
}

// Loads what was written as any model is loaded, every shape proved.
class Loaded {
 public:
  explicit Loaded(const RandomModelRequest& request) {
    const auto written = write(request, folder_.file("m.gguf"));
    EXPECT_TRUE(written.ok()) << written.error().message();
    auto file = gguf::File::open(folder_.file("m.gguf"));
    EXPECT_TRUE(file.ok()) << file.error().message();
    file_ = std::make_shared<const gguf::File>(std::move(*file));
    model_ = std::make_unique<Result<Model>>(load_model(file_));
    EXPECT_TRUE(model_->ok()) << request.shape << " " << request.type << ": " << model_->error().message();
  }
  const Model& model() const { return **model_; }
  const gguf::File& file() const { return *file_; }
  const gguf::TensorInfo& tensor(const char* name) const { return *file_->find(name); }
  std::vector<float> values(const char* name) const {
    const gguf::TensorInfo& t = tensor(name);
    std::vector<float> numbers(t.elements());
    EXPECT_TRUE(quant::decode(t.type, t.bytes, numbers).ok());
    return numbers;
  }

 private:
  TemporaryFolder folder_;
  std::shared_ptr<const gguf::File> file_;
  std::unique_ptr<Result<Model>> model_;
};

// These change only when the generator is meant to change: models that other people
// made would no longer be the same.
TEST(RandomModel, IsTheSameToTheByteEverywhere) {
  EXPECT_EQ(sha256(bytes_of({"tiny", "q4_k_m", 1, {}})),
            "8f1b9f6db8a8476983b0f2385ad3c06d629d78d9da617856c48e92fb6c6926f2");
  EXPECT_EQ(sha256(bytes_of({"tiny-qwen2", "f16", 2, {"biases=on"}})),
            "30c9cec8fb392de6964b66d363dd81be35c091fa34cbd472202bf847dce787ae");
  EXPECT_EQ(sha256(bytes_of({"tiny-llama3", "nvfp4", 3, {}})),
            "c4619cc6731fca9698a64bdd59d12d32cdd28b2aeadc8da4b0d044c9481976ff");
}

TEST(RandomModel, DoesNotDependOnTheNumberOfThreads) {
  // More than one piece of eight MiB in a tensor.
  const RandomModelRequest request{"tiny", "f32", 9, {"n_vocab=20000"}};
  const std::string one = bytes_of(request, 1);
  EXPECT_GT(one.size(), size_t{40} << 20);
  EXPECT_TRUE(one == bytes_of(request, 3));
}

// Pieces follow each other: the tensor is what its blocks are when they are made in one go.
TEST(RandomModel, LargeTensorsAreOneStream) {
  const Loaded model({"tiny", "bf16", 9, {"n_vocab=20000"}});
  const auto written = model.tensor("token_embd.weight").bytes;
  EXPECT_GT(written.size(), size_t{9} << 20);
  std::vector<std::byte> whole(written.size());
  RandomBlocks::make(9, "token_embd.weight", DType::bf16, {0, 1})->fill(0, whole);
  EXPECT_TRUE(std::equal(whole.begin(), whole.end(), written.begin(), written.end()));
}

TEST(RandomModel, DependsOnTheSeed) {
  EXPECT_NE(bytes_of({"tiny", "q4_0", 1, {}}), bytes_of({"tiny", "q4_0", 2, {}}));
}

TEST(RandomModel, LoadsInEveryTypeMixedAndPure) {
  for (const FileType& type : all_file_types()) {
    const std::string name(type.name);
    const Loaded mixed({"tiny-odd", name, 1, {}});
    const Loaded pure({"tiny", name, 1, {"pure=on"}});
    EXPECT_EQ(pure.tensor("blk.0.attn_q.weight").type, type.base);
    EXPECT_EQ(*pure.file().metadata().get_uint("general.file_type"), type.number);
  }
}

TEST(RandomModel, LoadsInEveryShapeAndIsWhatWasAsked) {
  for (const NamedShape& named : all_shapes()) {
    // The large ones with two layers and a narrow body; their heads and vocabulary kind stay.
    RandomModelRequest request{std::string(named.name), "q8_0", 1, {}};
    if (!named.name.starts_with("tiny"))
      request.measures = {"n_layer=2", "n_vocab=1024",  "n_embd=448",
                          "n_ff=96",   "key_length=16", "value_length=16"};
    const Loaded loaded(request);
    ModelShape shape = *find_shape(named.name);
    for (const std::string& setting : request.measures) ASSERT_TRUE(set_measure(shape, setting).ok());
    const Config& c = loaded.model().config;
    EXPECT_EQ(c.architecture->name, shape.arch);
    EXPECT_EQ(c.n_layer, shape.n_layer);
    EXPECT_EQ(c.n_embd, shape.n_embd);
    EXPECT_EQ(c.layers[0].n_head, shape.n_head);
    EXPECT_EQ(c.layers[0].n_head_kv, shape.n_head_kv);
    EXPECT_EQ(c.layers[0].n_ff, shape.n_ff);
    EXPECT_EQ(c.n_embd_head_k, shape.head_width_k());
    EXPECT_EQ(loaded.model().n_vocab(), shape.n_vocab);
    EXPECT_EQ(loaded.file().find("output.weight") == nullptr, shape.tied);
    EXPECT_EQ(loaded.file().find("rope_freqs.weight") != nullptr, shape.rope_freqs);
  }
}

TEST(RandomModel, RopeScalingArrives) {
  const Loaded yarn({"tiny-yarn", "q8_0", 1, {}});
  EXPECT_EQ(yarn.model().config.rope.scaling, RopeScaling::yarn);
  EXPECT_EQ(yarn.model().config.rope.factor, 4);
  EXPECT_EQ(yarn.model().config.rope.original_context_length, 512);
  const Loaded linear({"tiny-linear", "q8_0", 1, {"rope_factor=2.5"}});
  EXPECT_EQ(linear.model().config.rope.scaling, RopeScaling::linear);
  EXPECT_EQ(linear.model().config.rope.factor, 2.5);
  const std::vector<float> factors = Loaded({"tiny-llama3", "q8_0", 1, {}}).values("rope_freqs.weight");
  EXPECT_EQ(factors.size(), 32u);
  EXPECT_EQ(factors.front(), 1);
  EXPECT_EQ(factors[20], 4.5f);  // a quarter of 32 in: half way from 1 to 8
  EXPECT_EQ(factors.back(), 8);
}

TEST(RandomModel, OptionalPartsAreThereWhenAsked) {
  const Loaded biases({"tiny", "q8_0", 1, {"biases=on"}});
  for (const char* name : {"blk.1.attn_q.bias", "blk.1.attn_output.bias", "blk.1.ffn_down.bias"}) {
    EXPECT_NE(biases.file().find(name), nullptr) << name;
  }
  const Loaded none({"tiny", "q8_0", 1, {}});
  EXPECT_EQ(none.file().find("blk.1.attn_q.bias"), nullptr);
  const Loaded demanded({"tiny-qwen2", "q8_0", 1, {}});
  EXPECT_NE(demanded.file().find("blk.1.attn_q.bias"), nullptr);
  EXPECT_EQ(demanded.file().find("blk.1.attn_output.bias"), nullptr);
}

double deviation(const std::vector<float>& values, double mean) {
  double squares = 0;
  for (const float v : values) squares += (v - mean) * (v - mean);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

// f32, so that all numbers are independent: n of them give a uniform deviation to 0.45/sqrt(n),
// five times that is allowed. (Var(x^2) = 4/5 sigma^4 for a uniform x, and the deviation moves
// half as much as the mean square.)
void expect_deviation(const Loaded& model, const char* name, double mean, double wanted) {
  const std::vector<float> values = model.values(name);
  const double allowed = 5 * 0.45 / std::sqrt(static_cast<double>(values.size()));
  EXPECT_NEAR(deviation(values, mean) / wanted, 1, allowed) << name;
}

TEST(RandomModel, WeightsKeepTheSizeOfActivations) {
  const Loaded model({"tiny", "f32", 1, {"biases=on"}});
  expect_deviation(model, "blk.0.attn_q.weight", 0, 1 / std::sqrt(256.0));
  expect_deviation(model, "blk.1.ffn_down.weight", 0, 1 / std::sqrt(512.0));
  expect_deviation(model, "token_embd.weight", 0, 1);
  expect_deviation(model, "output.weight", 0, 1 / std::sqrt(256.0));
  expect_deviation(model, "blk.0.attn_norm.weight", 1, 0.15);
  expect_deviation(model, "blk.0.ffn_up.bias", 0, 0.2);
  expect_deviation(Loaded({"tiny-tied", "f32", 1, {}}), "token_embd.weight", 0, 1 / std::sqrt(256.0));
}

TEST(RandomModel, ProgressIsToldAndCanStop) {
  const TemporaryFolder folder;
  ThreadPool threads(1);
  uint64_t last = 0;
  const auto counted =
      write_random_model({}, folder.file("a.gguf"), threads, [&](uint64_t written, uint64_t total) {
        EXPECT_GT(written, last);
        EXPECT_LE(written, total);
        last = written;
        return Status();
      });
  ASSERT_TRUE(counted.ok());
  EXPECT_EQ(last, counted->n_bytes);
  const auto stopped = write_random_model({}, folder.file("b.gguf"), threads, [](uint64_t, uint64_t) {
    return Status(Error{ErrorCode::interrupted, "", "stopped", ""});
  });
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, ErrorCode::interrupted);
  EXPECT_EQ(folder.count(), 1) << "a broken-off file is left behind";
}

struct Broken {
  RandomModelRequest request;
  const char* message;  // how the message begins
};

const Broken kBroken[] = {
    {{"small", "q4_0", 0, {}}, "--shape: 'small' is not a shape; choose one of tinyllama, "},
    {{"tiny", "q4", 0, {}}, "--type: 'q4' is not a file type; choose one of f32, "},
    {{"tiny", "q4_0", 0, {"n_heads=4"}},
     "--set n_heads=4: there is no measure 'n_heads'; choose one of n_layer="},
    {{"tiny", "q4_0", 0, {"n_layer"}}, "--set n_layer: '' is not a number from 1 to 4096"},
    {{"tiny", "q4_0", 0, {"n_layer=0"}}, "--set n_layer: '0' is not a number from 1 to 4096"},
    {{"tiny", "q4_0", 0, {"n_layer=2x"}}, "--set n_layer: '2x' is not a number"},
    {{"tiny", "q4_0", 0, {"n_ff=99999999999999999999"}},
     "--set n_ff: '99999999999999999999' is not a number"},
    {{"tiny", "q4_0", 0, {"rope_base=nan"}}, "--set rope_base: 'nan' is not a number"},
    {{"tiny", "q4_0", 0, {"tied=yes"}}, "--set tied: 'yes' is not on or off"},
    {{"tiny", "q4_0", 0, {"arch=gpt2"}}, "--set arch: 'gpt2' is not one of llama|qwen2|qwen3"},
    {{"tiny", "q4_0", 0, {"n_head=3"}}, "n_head: 3 query heads cannot share 2 key heads evenly; make"},
    {{"tiny", "q4_0", 0, {"n_embd=250"}}, "n_embd: 250 is not a multiple of n_head 4; change"},
    {{"tiny", "q4_0", 0, {"n_embd=2"}}, "n_embd: 2 is not a multiple of n_head 4"},
    {{"tiny", "q4_0", 0, {"key_length=33"}},
     "key_length: a head of 33 numbers cannot be turned in pairs; make"},
    {{"tiny", "q4_0", 0, {"key_length=1048576"}}, "n_head: 4 heads of 1048576 numbers are more than 1048576"},
    {{"tiny", "q4_0", 0, {"n_vocab=258"}},
     "n_vocab: 258 entries cannot hold the 259 bytes and special tokens"},
    {{"tiny", "q4_0", 0, {"rope_factor=2"}}, "rope_factor: 2 has no effect without rope_scaling; set"},
    {{"tiny-yarn", "q4_0", 0, {"rope_orig_ctx=4096"}}, "rope_orig_ctx: 4096 is longer than n_ctx 2048"},
};

TEST(RandomModel, WhatCannotBeIsRefusedWithASentence) {
  const TemporaryFolder folder;
  for (const Broken& broken : kBroken) {
    const auto refused = write(broken.request, folder.file("m.gguf"));
    ASSERT_FALSE(refused.ok()) << broken.message;
    EXPECT_EQ(refused.error().code, ErrorCode::usage);
    EXPECT_TRUE(refused.error().message().starts_with(broken.message)) << refused.error().message();
  }
  EXPECT_EQ(folder.count(), 0);
  const auto no_folder = write({}, folder.file("no/m.gguf"));
  ASSERT_FALSE(no_folder.ok());
  EXPECT_EQ(no_folder.error().code, ErrorCode::io);
}

}  // namespace
}  // namespace kilter
