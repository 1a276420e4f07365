// Expected values are worked out by hand from the definitions; the logits are
// logarithms of round probabilities.
#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

namespace kilter {
namespace {

constexpr SamplingOptions kPlain{
    .repeat_penalty = 1, .top_k = 0, .top_p = 1, .min_p = 0, .temperature = 1, .seed = 1};

std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

// How often each id comes out over `n` positions.
std::map<int32_t, int> histogram(const std::vector<float>& logits, const SamplingOptions& options, int n) {
  std::map<int32_t, int> counts;
  for (int position = 0; position < n; ++position) ++counts[sample(logits, {}, position, options)];
  return counts;
}

TEST(Sampler, TemperatureZeroTakesTheLargestAndTheLowerIdAmongEquals) {
  SamplingOptions greedy = kPlain;
  greedy.temperature = 0;
  const std::vector<float> logits = {1, 5, 5, -2};
  EXPECT_EQ(sample(logits, {}, 0, greedy), 1);
}

TEST(Sampler, NanNeverWins) {
  SamplingOptions greedy = kPlain;
  greedy.temperature = 0;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(sample(std::vector<float>{nan, -3, nan}, {}, 0, greedy), 1);
  EXPECT_EQ(sample(std::vector<float>{nan, -3, nan}, {}, 0, kPlain), 1);
}

TEST(Sampler, DrawsFollowTheProbabilities) {
  const auto logits = logits_of({0.5, 0.3, 0.2});
  constexpr int kDraws = 20000;
  const auto counts = histogram(logits, kPlain, kDraws);
  const double expected[] = {0.5, 0.3, 0.2};
  for (const int32_t id : {0, 1, 2}) {
    // Five standard deviations of a binomial count: 1 false alarm in 1.7 million draws of this test.
    const double p = expected[id];
    EXPECT_NEAR(counts.at(id), kDraws * p, 5 * std::sqrt(kDraws * p * (1 - p))) << id;
  }
}

TEST(Sampler, TemperatureSharpensAsPowers) {
  SamplingOptions options = kPlain;
  options.temperature = 0.5;  // squares the ratio 2:1 to 4:1
  constexpr int kDraws = 20000;
  const auto counts = histogram(logits_of({2.0 / 3, 1.0 / 3}), options, kDraws);
  EXPECT_NEAR(counts.at(0), kDraws * 0.8, 5 * std::sqrt(kDraws * 0.8 * 0.2));
}

TEST(Sampler, TheDrawIsAFunctionOfSeedAndPosition) {
  const auto logits = logits_of({0.25, 0.25, 0.25, 0.25});
  std::vector<int32_t> forwards;
  for (int p = 0; p < 64; ++p) forwards.push_back(sample(logits, {}, p, kPlain));
  for (int p = 63; p >= 0; --p) EXPECT_EQ(sample(logits, {}, p, kPlain), forwards[static_cast<size_t>(p)]);
  SamplingOptions other = kPlain;
  other.seed = 2;
  int equal = 0;
  for (int p = 0; p < 64; ++p)
    equal += sample(logits, {}, p, other) == forwards[static_cast<size_t>(p)] ? 1 : 0;
  EXPECT_LT(equal, 40);  // 16 expected of independent draws; 40 is seven standard deviations away
}

TEST(Sampler, TopKKeepsKAndPrefersTheLowerIdAmongEquals) {
  SamplingOptions options = kPlain;
  options.top_k = 2;
  const auto counts = histogram(logits_of({0.2, 0.2, 0.4, 0.2}), options, 500);
  ASSERT_EQ(counts.size(), 2U);
  EXPECT_TRUE(counts.contains(2));
  EXPECT_TRUE(counts.contains(0));
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  SamplingOptions options = kPlain;
  options.top_p = 0.75;  // 0.5 is short of it, 0.5 + 0.3 is not
  const auto counts = histogram(logits_of({0.3, 0.5, 0.2}), options, 500);
  EXPECT_EQ(counts.size(), 2U);
  EXPECT_FALSE(counts.contains(2));
}

TEST(Sampler, TopPAlwaysKeepsOne) {
  SamplingOptions options = kPlain;
  options.top_p = 1e-9;
  EXPECT_EQ(histogram(logits_of({0.3, 0.5, 0.2}), options, 100).size(), 1U);
}

TEST(Sampler, MinPIsRelativeToTheLargest) {
  SamplingOptions options = kPlain;
  options.min_p = 0.5;  // the threshold is 0.25
  const auto counts = histogram(logits_of({0.5, 0.3, 0.2}), options, 500);
  EXPECT_EQ(counts.size(), 2U);
  EXPECT_FALSE(counts.contains(2));
}

TEST(Sampler, PenaltyDividesPositiveAndMultipliesNegativeLogitsOnce) {
  SamplingOptions options = kPlain;
  options.temperature = 0;
  options.repeat_penalty = 2;
  const std::vector<int32_t> recent = {0, 0, 0};
  // 3 / 2 = 1.5 stays above 1; with the penalty counted three times it would not.
  EXPECT_EQ(sample(std::vector<float>{3.0F, 1.0F}, recent, 0, options), 0);
  EXPECT_EQ(sample(std::vector<float>{3.0F, 1.6F}, recent, 0, options), 1);
  EXPECT_EQ(sample(std::vector<float>{-1.0F, -1.5F}, recent, 0, options), 1);  // -1 * 2 = -2
}

TEST(Sampler, PenaltyForgetsAfter64Tokens) {
  SamplingOptions options = kPlain;
  options.temperature = 0;
  options.repeat_penalty = 2;
  std::vector<int32_t> recent(65, 1);
  recent[0] = 0;
  EXPECT_EQ(sample(std::vector<float>{2.0F, 1.0F}, recent, 0, options), 0);
}

TEST(Sampler, LogProbabilitiesAreNormalised) {
  // Unnormalised logits: shifted by 7.
  std::vector<float> logits = logits_of({0.5, 0.25, 0.25});
  for (float& l : logits) l += 7;
  // f32 logits near 7 carry 2^-22 each.
  EXPECT_NEAR(log_probability(logits, 1), std::log(0.25), 0x1p-20);
  const auto top = most_likely(logits, 2);
  ASSERT_EQ(top.size(), 2U);
  EXPECT_EQ(top[0].id, 0);
  EXPECT_EQ(top[1].id, 1);
  EXPECT_NEAR(top[0].logprob, std::log(0.5), 0x1p-20);
  EXPECT_EQ(most_likely(logits, 10).size(), 3U);
}

TEST(Sampler, RefusesOptionsOutOfRangeByName) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto refused = [](auto change) {
    SamplingOptions options = kPlain;
    change(options);
    const Status status = check_sampling(options);
    return status.ok() ? std::string() : status.error().subject;
  };
  EXPECT_EQ(refused([](SamplingOptions& o) { o.temperature = -1; }), "--temp");
  EXPECT_EQ(refused([&](SamplingOptions& o) { o.temperature = nan; }), "--temp");
  EXPECT_EQ(refused([](SamplingOptions& o) { o.top_p = 0; }), "--top-p");
  EXPECT_EQ(refused([](SamplingOptions& o) { o.min_p = 1.5; }), "--min-p");
  EXPECT_EQ(refused([](SamplingOptions& o) { o.top_k = -1; }), "--top-k");
  EXPECT_EQ(refused([](SamplingOptions& o) { o.repeat_penalty = 0; }), "--repeat-penalty");
  EXPECT_EQ(refused([](SamplingOptions&) {}), "");
}

}  // namespace
}  // namespace kilter
