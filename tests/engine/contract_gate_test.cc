// The gate of the arithmetic contract: for one (model, mode, kv type, tokens) the logits of the CPU backend
// are the same bits, whatever the batch, the chunks, the threads, the instruction set, the neighbours in the
// batch, a shared prefix, and whether somebody watches. memcmp, no tolerance.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <random>

#include "contract_gate.h"
#include "observe/recording_ops.h"

namespace kilter {
namespace {

using gate::GateModel;
using gate::Logits;

constexpr int64_t kTokens = 140;  // more than two blocks of the cache

// The build lowers these under the sanitizers, which make everything some ten times slower.
constexpr size_t kCaseStep = KILTER_GATE_CASE_STEP;
constexpr int64_t kMostInABatch = KILTER_GATE_MOST_IN_A_BATCH;

struct GateCase {
  const char* name;
  RandomModelRequest request;
};

// Superblocks with tails of rows, float groups with a tail in k (576 = 2.25 blocks), plain weights; grouped
// heads 1:4, 1:1, 1:2; head widths that are no multiple of 16; both pairings of rope; biases and head norms.
const GateCase kCases[] = {
    {"q4_k_m", {.type = "q4_k_m", .seed = 1, .measures = {"n_head=8", "n_head_kv=2"}}},
    {"q4_1_tail",
     {.type = "q4_1", .seed = 2, .measures = {"n_embd=288", "n_head=6", "n_head_kv=6", "n_ff=416"}}},
    {"q5_k_qwen", {.type = "q5_k_m", .seed = 3, .measures = {"arch=qwen2", "n_head=4", "n_head_kv=2"}}},
    {"q8_0_width", {.type = "q8_0", .seed = 4, .measures = {"key_length=40", "value_length=24", "tied=on"}}},
    {"q2_k", {.type = "q2_k", .seed = 5, .measures = {"arch=qwen3"}}},
    {"iq3_s", {.type = "iq3_s", .seed = 6, .measures = {}}},
    {"f16", {.type = "f16", .seed = 7, .measures = {"n_embd=96", "n_ff=200"}}},
};

testing::AssertionResult same_bits(const Logits& a, const Logits& b) {
  if (a.size() != b.size()) {
    return testing::AssertionFailure() << a.size() << " and " << b.size() << " values";
  }
  if (std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0) return testing::AssertionSuccess();
  size_t i = 0;
  while (std::memcmp(&a[i], &b[i], sizeof(float)) == 0) ++i;
  return testing::AssertionFailure() << "logit " << i << " of " << a.size() << ": " << a[i] << " and "
                                     << b[i];
}

// Lengths of passes, such that each of 1 .. `most` is among them, in as few runs over kTokens as it takes.
std::vector<std::vector<int64_t>> runs_with_every_batch_size(int64_t most) {
  std::vector<std::vector<int64_t>> runs;
  std::vector<bool> used(static_cast<size_t>(most) + 1);
  for (int64_t largest = most; largest > 0; --largest) {
    if (used[static_cast<size_t>(largest)]) continue;
    std::vector<int64_t>& run = runs.emplace_back();
    int64_t left = kTokens;
    for (int64_t m = largest; m > 0; --m) {
      if (m > left || used[static_cast<size_t>(m)]) continue;
      used[static_cast<size_t>(m)] = true;
      run.push_back(m);
      left -= m;
    }
    if (left > 0) run.push_back(left);
  }
  return runs;
}

class ContractGate : public testing::TestWithParam<std::tuple<size_t, const char*>> {
 protected:
  ContractGate() : model_(kCases[std::get<0>(GetParam())].request) {
    options_.mode = std::get<1>(GetParam());
    options_.threads = 1;
  }
  void SetUp() override {
    ASSERT_TRUE(model_.usable());
    ids_ = model_.random_ids(kTokens);
    expected_ = run(options_, {kTokens});
  }

  Logits run(const LoadOptions& options, std::vector<int64_t> passes) {
    return model_.logits(*model_.backend(options), ids_, passes);
  }

  // Over all tokens; over half of them, more than one block of the cache, with the plain kernels.
  testing::AssertionResult same_first_logits(Ops& ops, const std::string& isa,
                                             const std::vector<int64_t>& passes) const {
    const int64_t n = isa == "generic" ? kTokens / 2 : kTokens;
    const Logits first(expected_.begin(), expected_.begin() + n * model_.n_vocab());
    return same_bits(model_.logits(ops, std::span(ids_).first(static_cast<size_t>(n)), passes), first);
  }

  GateModel model_;
  LoadOptions options_;
  std::vector<int32_t> ids_;
  Logits expected_;
};

TEST_P(ContractGate, EveryBatchSize) {
  const auto ops = model_.backend(options_);
  for (const std::vector<int64_t>& passes : runs_with_every_batch_size(kMostInABatch)) {
    EXPECT_TRUE(same_bits(model_.logits(*ops, ids_, passes), expected_))
        << "batches of " << testing::PrintToString(passes);
  }
}

TEST_P(ContractGate, OneTokenAtATime) { EXPECT_TRUE(same_bits(run(options_, {1}), expected_)); }

TEST_P(ContractGate, RandomChunks) {
  const auto ops = model_.backend(options_);
  std::mt19937 random(7);
  for (int trial = 0; trial < 4; ++trial) {
    std::vector<int64_t> passes(5);
    for (int64_t& pass : passes) pass = 1 + static_cast<int64_t>(random() % 70);
    EXPECT_TRUE(same_bits(model_.logits(*ops, ids_, passes), expected_)) << "trial " << trial;
  }
}

// One token, some, a tail behind whole tiles of 16 and 32; and all, but for the slow plain kernels.
TEST_P(ContractGate, EveryInstructionSet) {
  for (const std::string& isa : isa_names()) {
    LoadOptions options = options_;
    options.isa = isa;
    const auto ops = model_.backend(options);
    EXPECT_TRUE(same_first_logits(*ops, isa, {1, 5, 33, 2, 17})) << isa;
    if (isa != "generic") {
      EXPECT_TRUE(same_first_logits(*ops, isa, {kTokens})) << isa;
    }
  }
}

TEST_P(ContractGate, EveryNumberOfThreads) {
  for (const int threads : {2, 3, 4, 7}) {
    LoadOptions options = options_;
    options.threads = threads;
    EXPECT_TRUE(same_bits(run(options, {1, 20, 2, 70}), expected_)) << threads << " threads";
  }
}

TEST_P(ContractGate, TracingRunsTheStagesExpanded) {
  struct Everything final : ValueSink {
    bool wants(At) override { return true; }
    void take(At, const Shape&, std::span<const float>) override { ++values; }
    int64_t values = 0;
  } sink;
  for (const std::string& isa : isa_names()) {
    LoadOptions options = options_;
    options.isa = isa;
    const auto ops = model_.backend(options);
    RecordingOps recording(*ops, sink);
    EXPECT_TRUE(same_first_logits(recording, isa, {50})) << isa;
  }
  EXPECT_GT(sink.values, 0);
}

TEST_P(ContractGate, TwoRuns) {
  const auto ops = model_.backend(options_);
  EXPECT_TRUE(same_bits(model_.logits(*ops, ids_, {17}), expected_));
  EXPECT_TRUE(same_bits(model_.logits(*ops, ids_, {17}), expected_));
}

TEST_P(ContractGate, NeighboursInTheBatch) {
  LoadOptions options = options_;
  options.threads = 2;
  EXPECT_TRUE(same_bits(model_.logits_among_neighbours(*model_.backend(options), ids_), expected_));
}

TEST_P(ContractGate, WarmPrefix) {
  const auto [first, rows] = model_.logits_behind_shared_prefix(*model_.backend(options_), ids_);
  ASSERT_GT(first, 0);
  const auto begin = expected_.begin() + static_cast<std::ptrdiff_t>(first * model_.n_vocab());
  EXPECT_TRUE(same_bits(rows, Logits(begin, expected_.end())));
}

std::string case_name(const testing::TestParamInfo<ContractGate::ParamType>& info) {
  return std::string(kCases[std::get<0>(info.param)].name) + "_" + std::get<1>(info.param);
}
INSTANTIATE_TEST_SUITE_P(Models, ContractGate,
                         testing::Combine(testing::Range(size_t{0}, std::size(kCases), kCaseStep),
                                          testing::Values("fast", "accurate", "exact", "f32")),
                         case_name);

// The same on a real model. ./check fetches it and names it in KILTER_SMOLLM2.
class SmolLM2Gate : public testing::TestWithParam<const char*> {};

TEST_P(SmolLM2Gate, ChunksThreadsAndInstructionSets) {
  const char* path = std::getenv("KILTER_SMOLLM2");
  if (path == nullptr || *path == '\0') GTEST_SKIP() << "KILTER_SMOLLM2 does not name the model's file";
  const GateModel model{std::string(path)};
  ASSERT_TRUE(model.usable());
  LoadOptions options{.mode = GetParam()};
  const std::vector<int32_t> ids = model.random_ids(200);
  const auto all = static_cast<int64_t>(ids.size());
  const auto ops = model.backend(options);
  const Logits expected = model.logits(*ops, ids, {all});
  EXPECT_TRUE(same_bits(model.logits(*ops, ids, {1, 64, 7, 33}), expected));
  options.threads = 1;
  EXPECT_TRUE(same_bits(model.logits(*model.backend(options), ids, {128}), expected));
  for (const std::string& isa : isa_names()) {
    options.isa = isa;
    // Plain kernels take a second for a few tokens.
    const int64_t n = isa == "generic" ? 8 : all;
    const auto count = static_cast<size_t>(n);
    const Logits first(expected.begin(), expected.begin() + n * model.n_vocab());
    const auto there = model.backend(options);
    EXPECT_TRUE(same_bits(model.logits(*there, std::span(ids).first(count), {5, 90}), first)) << isa;
  }
}
INSTANTIATE_TEST_SUITE_P(Modes, SmolLM2Gate, testing::Values("accurate", "exact"),
                         [](const auto& mode) { return std::string(mode.param); });

}  // namespace
}  // namespace kilter
