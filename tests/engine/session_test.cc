// The public engine on a small random model: one answer whatever the chunks, threads, sessions and detours.
#include <gtest/gtest.h>

#include <cstring>

#include "kilter/engine.h"
#include "model/random_model.h"

namespace kilter {
namespace {

const std::string& model_path() {
  static const std::string path = [] {
    const std::string file = testing::TempDir() + "kilter_session_test.gguf";
    ThreadPool threads(2);
    const auto written = write_random_model({.shape = "tiny", .type = "q8_0", .seed = 7, .measures = {}},
                                            file, threads, [](uint64_t, uint64_t) { return Status(); });
    EXPECT_TRUE(written.ok()) << written.error().message();
    return file;
  }();
  return path;
}

class EngineOn : public testing::TestWithParam<const char*> {
 protected:
  static std::unique_ptr<Engine> load(int threads) {
    auto engine = Engine::load(model_path(), {.backend = GetParam(), .threads = threads});
    EXPECT_TRUE(engine.ok()) << engine.error().message();
    return std::move(engine).value();
  }
};

std::unique_ptr<Session> open(Engine& engine, const SessionOptions& options) {
  auto session = engine.open_session(options);
  EXPECT_TRUE(session.ok()) << session.error().message();
  return std::move(session).value();
}

// A prompt that spans more than two blocks of the cache.
std::vector<int32_t> prompt(const Engine& engine) {
  std::vector<int32_t> ids(150);
  for (size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<int32_t>(i * 37 % static_cast<size_t>(engine.n_vocab()));
  return ids;
}

std::vector<float> logits_after(Session& session, std::span<const int32_t> ids) {
  const Status fed = session.feed(ids);
  EXPECT_TRUE(fed.ok()) << fed.error().message();
  return {session.logits().begin(), session.logits().end()};
}

testing::AssertionResult same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size())
    return testing::AssertionFailure() << a.size() << " and " << b.size() << " values";
  if (std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "the bits differ";
}

TEST_P(EngineOn, ChunksThreadsAndSessionsChangeNoBit) {
  const auto engine = load(1);
  const auto ids = prompt(*engine);
  const auto whole = logits_after(*open(*engine, {.n_ctx = 160, .chunk = 160}), ids);
  ASSERT_EQ(whole.size(), static_cast<size_t>(engine->n_vocab()));
  for (const int64_t chunk : {1, 7, 64, 100}) {
    EXPECT_TRUE(same_bits(whole, logits_after(*open(*engine, {.n_ctx = 200, .chunk = chunk}), ids))) << chunk;
  }
  const auto threaded = load(3);
  EXPECT_TRUE(same_bits(whole, logits_after(*open(*threaded, {.n_ctx = 160, .chunk = 64}), ids)));
}

TEST_P(EngineOn, TwoSessionsDoNotDisturbEachOther) {
  const auto engine = load(2);
  const auto ids = prompt(*engine);
  const auto alone = logits_after(*open(*engine, {.n_ctx = 160, .chunk = 32}), ids);
  const auto a = open(*engine, {.n_ctx = 160, .chunk = 32});
  const auto b = open(*engine, {.n_ctx = 300, .chunk = 50});
  const std::span<const int32_t> all(ids);
  logits_after(*a, all.first(60));
  logits_after(*b, all.subspan(20, 100));
  EXPECT_TRUE(same_bits(alone, logits_after(*a, all.subspan(60))));
}

TEST_P(EngineOn, RewindForgetsExactly) {
  const auto engine = load(2);
  const auto ids = prompt(*engine);
  const auto session = open(*engine, {.n_ctx = 200, .chunk = 64});
  const auto first = logits_after(*session, ids);
  ASSERT_TRUE(session->rewind(70).ok());
  EXPECT_TRUE(session->logits().empty());
  EXPECT_EQ(session->tokens().size(), 70U);
  const std::vector<int32_t> detour(90, 3);
  logits_after(*session, detour);
  ASSERT_TRUE(session->rewind(70).ok());
  EXPECT_TRUE(same_bits(first, logits_after(*session, std::span(ids).subspan(70))));
}

TEST_P(EngineOn, GenerationIsAFunctionOfTheSeed) {
  const auto engine = load(2);
  const auto ids = prompt(*engine);
  const auto generate = [&](int64_t chunk, uint64_t seed) {
    GenerateOptions options;
    options.max_tokens = 12;
    options.sampling.seed = seed;
    options.sampling.temperature = 2;
    const auto generation = open(*engine, {.n_ctx = 200, .chunk = chunk})->generate(ids, options, {});
    EXPECT_TRUE(generation.ok());
    return generation->ids;
  };
  const auto first = generate(150, 5);
  EXPECT_EQ(first, generate(11, 5));
  EXPECT_NE(first, generate(150, 6));
}

TEST_P(EngineOn, StreamedTextIsTheTextOfTheIds) {
  const auto engine = load(2);
  GenerateOptions options;
  options.max_tokens = 40;
  options.sampling.temperature = 1;
  std::string streamed;
  const auto ids = engine->tokenize("a b", Specials::recognise);
  const auto generation = open(*engine, {.n_ctx = 200})->generate(ids, options, [&](const TokenEvent& e) {
    streamed += e.text;
    return Go::on;
  });
  ASSERT_TRUE(generation.ok());
  std::string pieces;
  for (const int32_t id : generation->ids) pieces += *engine->piece(id);
  // The random model writes broken UTF-8 too, which the stream shows as U+FFFD: compare what is ASCII.
  const auto ascii = [](std::string text) {
    std::erase_if(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
    return text;
  };
  EXPECT_EQ(ascii(streamed), ascii(pieces));
}

TEST_P(EngineOn, StopsWhenTheContextIsFull) {
  const auto engine = load(2);
  GenerateOptions options;
  options.max_tokens = 50;
  options.sampling.temperature = 2;
  const std::vector<int32_t> ids(10, 5);
  const auto generation = open(*engine, {.n_ctx = 16})->generate(ids, options, {});
  ASSERT_TRUE(generation.ok());
  EXPECT_EQ(generation->reason, FinishReason::context_full);
  EXPECT_EQ(generation->ids.size(), 7U);  // 6 fit after the prompt; the seventh was sampled and not fed
}

TEST_P(EngineOn, ACallbackStopsTheGeneration) {
  const auto engine = load(2);
  GenerateOptions options;
  options.max_tokens = 50;
  options.sampling.temperature = 2;
  int calls = 0;
  const std::vector<int32_t> ids(10, 5);
  const auto generation = open(*engine, {.n_ctx = 100})->generate(ids, options, [&](const TokenEvent& e) {
    if (e.id >= 0) ++calls;
    return calls == 3 ? Go::stop : Go::on;
  });
  ASSERT_TRUE(generation.ok());
  EXPECT_EQ(generation->reason, FinishReason::stopped);
  EXPECT_EQ(generation->ids.size(), 3U);
}

TEST_P(EngineOn, RefusesWithASentence) {
  const auto engine = load(1);
  const auto session = open(*engine, {.n_ctx = 16});
  const std::vector<int32_t> outside = {1, static_cast<int32_t>(engine->n_vocab())};
  EXPECT_EQ(session->feed(outside).error().code, ErrorCode::usage);
  const std::vector<int32_t> negative = {-1};
  EXPECT_EQ(session->feed(negative).error().code, ErrorCode::usage);
  const std::vector<int32_t> too_long(17, 1);
  EXPECT_EQ(session->feed(too_long).error().subject, "context");
  EXPECT_TRUE(session->tokens().empty());
  EXPECT_EQ(session->generate({}, {}, {}).error().subject, "prompt");
  EXPECT_EQ(session->rewind(-1).error().code, ErrorCode::usage);
  EXPECT_EQ(engine->open_session({.n_ctx = -5}).error().subject, "--ctx");
  EXPECT_EQ(engine->open_session({.n_ctx = 5, .chunk = -1}).error().subject, "--chunk");
  EXPECT_EQ(engine->piece(-1).error().code, ErrorCode::usage);
  EXPECT_EQ(Engine::load(model_path(), {.backend = "abacus"}).error().subject, "--backend");
  EXPECT_EQ(Engine::load(model_path(), {.mode = "abacus"}).error().subject, "--mode");
  EXPECT_EQ(Engine::load(model_path(), {.isa = "abacus"}).error().subject, "--isa");
  EXPECT_EQ(Engine::load(model_path(), {.kv = "abacus"}).error().subject, "--kv");
  EXPECT_EQ(Engine::load(model_path() + ".none", {}).error().code, ErrorCode::not_found);
}

INSTANTIATE_TEST_SUITE_P(Backends, EngineOn, testing::Values("cpu", "reference"),
                         [](const auto& backend) { return std::string(backend.param); });

}  // namespace
}  // namespace kilter
