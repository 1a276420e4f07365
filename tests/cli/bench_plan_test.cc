#include "cli/bench/plan.h"

#include <gtest/gtest.h>

#include "cli/bench/plot.h"
#include "cli/bench/report.h"

namespace kilter::cli {
namespace {

TEST(BenchPlan, ReadsListsOfNumbers) {
  EXPECT_EQ(*parse_numbers("-p", "512", 0), std::vector<int64_t>{512});
  EXPECT_EQ(*parse_numbers("-d", "0,4096", 0), (std::vector<int64_t>{0, 4096}));
  for (const char* bad :
       {"", "1,", ",1", "1,,2", "a", "1 ", "1.5", "-1", "2000000000", "99999999999999999999"}) {
    const auto numbers = parse_numbers("-p", bad, 0);
    ASSERT_FALSE(numbers.ok()) << bad;
    EXPECT_EQ(numbers.error().code, ErrorCode::usage);
    EXPECT_EQ(numbers.error().subject, "-p");
  }
  EXPECT_FALSE(parse_numbers("-t", "0", 1).ok());
}

TEST(BenchPlan, ReadsNames) {
  EXPECT_EQ(parse_names("fast,exact"), (std::vector<std::string>{"fast", "exact"}));
  EXPECT_EQ(parse_names(""), std::vector<std::string>{""});
}

TEST(BenchPlan, OrdersDecodesByDepth) {
  const auto tests = make_tests({16, 0, 512}, {8}, {4096, 0});
  std::vector<std::string> names;
  for (const BenchTest& test : tests) names.push_back(test_text(test));
  EXPECT_EQ(names,
            (std::vector<std::string>{"prefill 16", "prefill 512", "decode 8 at 0", "decode 8 at 4096"}));
  BenchPlan plan;
  plan.tests = tests;
  EXPECT_EQ(plan.n_ctx(), 4104);
  EXPECT_TRUE(make_tests({0}, {0}, {0}).empty());
}

TEST(Spread, IsMedianAndEnds) {
  const Spread odd = spread_of({5, 1, 3});
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.min, 1);
  EXPECT_EQ(odd.max, 5);
  EXPECT_EQ(spread_of({4, 1, 2, 9}).median, 3);
  EXPECT_EQ(spread_of({7}).median, 7);
}

/// A decode of 10 tokens, 5 a second, each a pass that reads 600 + 40 bytes and multiplies 3000 times, in two
/// planes.
BenchRun decode() {
  BenchRun run;
  run.mode = "accurate";
  run.threads = 2;
  run.test = {BenchKind::decode, 10, 7};
  run.tokens_per_second = {5, 4, 6};
  run.cpu_share = 0.375;
  Timing& work = run.stages[static_cast<size_t>(Stage::feed_forward)];
  work.calls = 20;
  work.seconds = 1.5;
  work.cost.weight_bytes = 6000;
  work.cached_bytes = 400;
  work.cost.multiply_adds = 30000;
  work.int8_multiply_adds = 60000;
  Timing& embedding = run.stages[static_cast<size_t>(Stage::embedding)];
  embedding.calls = 10;
  embedding.seconds = 0.5;
  for (const Timing& stage : run.stages) run.all += stage;
  run.read_roof = 4000;
  run.int8_roof = 120000;
  return run;
}

TEST(BenchRun, SaysWhatATokenNeeds) {
  const BenchRun run = decode();
  EXPECT_DOUBLE_EQ(run.bytes_per_token(), 640);
  EXPECT_DOUBLE_EQ(run.bytes_per_second(), 3200);
  EXPECT_DOUBLE_EQ(run.multiply_adds_per_second(), 15000);
  EXPECT_DOUBLE_EQ(run.share_of_read(), 0.8);
  EXPECT_DOUBLE_EQ(run.share_of_int8(), 0.25);  // 6000 a token, 30000 a second
}

TEST(BenchRun, SaysWhatLimitsIt) {
  BenchRun run = decode();
  EXPECT_EQ(run.verdict(), "bound by memory");
  run.read_roof = 6400;  // a half
  EXPECT_EQ(run.verdict(), "bound by neither");
  run.int8_roof = 40000;  // three quarters
  EXPECT_EQ(run.verdict(), "bound by multiply-adds");
  run = decode();
  run.read_roof = 1600;  // twice what the memory gives
  EXPECT_EQ(run.verdict(), "read from the cache");
  run = decode();
  run.own_cache_bytes = 639;  // a byte less than a pass reads
  EXPECT_EQ(run.verdict(), "bound by memory");
  run.own_cache_bytes = 640;
  EXPECT_EQ(run.verdict(), "read from the cache");
  run.int8_roof = 40000;
  EXPECT_EQ(run.verdict(), "bound by multiply-adds");
  run.int8_roof = 0;  // not known
  EXPECT_EQ(run.share_of_int8(), 0);
}

BenchReport report() {
  BenchReport report;
  report.model = "a<b>&c.gguf";
  report.cpu = "a processor";
  report.isa = "avx512";
  report.read_roofs[2] = 4000;
  report.int8_roofs[2] = 120000;
  report.runs.push_back(decode());
  return report;
}

TEST(BenchReport, TellsAPersonTheNumbers) {
  const std::string text = bench_text(report());
  for (const char* part :
       {"decode 10 at 7", "640 bytes", "80 %", "25 %", "38 %", "bound by memory", "feed_forward"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
}

TEST(BenchReport, TellsAProgramTheNumbers) {
  const boost::json::object json = bench_json(report());
  EXPECT_DOUBLE_EQ(json.at("read_gb_s").at("2").as_double(), 4000 / 1e9);
  EXPECT_DOUBLE_EQ(json.at("int8_mac_s").at("2").as_double(), 120000);
  const boost::json::value& run = json.at("runs").at(0);
  EXPECT_DOUBLE_EQ(run.at("tok_s").at("median").as_double(), 5);
  EXPECT_DOUBLE_EQ(run.at("cpu_share").as_double(), 0.375);
  EXPECT_DOUBLE_EQ(run.at("gb_s").as_double(), 3200 / 1e9);
  EXPECT_DOUBLE_EQ(run.at("mac_s").as_double(), 15000);
  const boost::json::value& stage = run.at("stages").at(static_cast<size_t>(Stage::feed_forward));
  EXPECT_EQ(stage.at("stage").as_string(), "feed_forward");
  EXPECT_DOUBLE_EQ(stage.at("share").as_double(), 0.75);
}

TEST(BenchPlot, WritesNamesAsText) {
  const std::string svg = bench_svg(report());
  EXPECT_NE(svg.find("a&lt;b>&amp;c.gguf"), std::string::npos);
  EXPECT_EQ(svg.find("a<b"), std::string::npos);
  EXPECT_NE(svg.find("width=\"240.0\""), std::string::npos) << "80 % of 300\n" << svg;
  EXPECT_NE(svg.find("prefers-color-scheme:dark"), std::string::npos);
}

}  // namespace
}  // namespace kilter::cli
