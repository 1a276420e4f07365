#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/philox.h"

namespace kilter {
namespace {

constexpr size_t kPenaltyWindow = 64;

struct Candidate {
  int32_t id;
  double logit;
  double weight;  // exp(logit - largest), not yet divided by the sum
};

bool more_likely(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

double usable(float logit) {
  return std::isnan(logit) ? -std::numeric_limits<double>::infinity() : double{logit};
}

std::vector<Candidate> all_candidates(std::span<const float> logits) {
  std::vector<Candidate> candidates(logits.size());
  for (size_t i = 0; i < logits.size(); ++i) candidates[i] = {static_cast<int32_t>(i), usable(logits[i]), 0};
  return candidates;
}

// A token is penalised once, however often it occurred.
void penalise(std::vector<Candidate>& candidates, std::span<const int32_t> recent, double penalty) {
  if (penalty == 1.0) return;
  const auto window = recent.last(std::min(recent.size(), kPenaltyWindow));
  std::vector<int32_t> ids(window.begin(), window.end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (const int32_t id : ids) {
    double& logit = candidates[static_cast<size_t>(id)].logit;
    logit = logit > 0 ? logit / penalty : logit * penalty;
  }
}

// Leaves the `k` most likely, sorted.
void keep_top_k(std::vector<Candidate>& candidates, int64_t k) {
  const size_t kept = k == 0 ? candidates.size() : std::min(candidates.size(), static_cast<size_t>(k));
  const auto middle = candidates.begin() + static_cast<std::ptrdiff_t>(kept);
  std::partial_sort(candidates.begin(), middle, candidates.end(), more_likely);
  candidates.resize(kept);
}

// Sets the weights of sorted candidates at a temperature, and returns their sum.
double weigh(std::vector<Candidate>& candidates, double temperature) {
  const double largest = candidates.front().logit;
  double sum = 0;
  for (Candidate& c : candidates) {
    c.weight = c.logit == largest ? 1.0 : std::exp((c.logit - largest) / temperature);
    sum += c.weight;
  }
  return sum;
}

void keep_top_p(std::vector<Candidate>& candidates, double top_p) {
  if (top_p >= 1) return;
  const double wanted = top_p * weigh(candidates, 1.0);
  double sum = 0;
  size_t kept = 0;
  while (kept < candidates.size() && (kept == 0 || sum < wanted)) sum += candidates[kept++].weight;
  candidates.resize(kept);
}

void keep_min_p(std::vector<Candidate>& candidates, double min_p) {
  if (min_p <= 0) return;
  weigh(candidates, 1.0);  // the largest weighs 1
  const auto end = std::find_if(candidates.begin() + 1, candidates.end(),
                                [&](const Candidate& c) { return c.weight < min_p; });
  candidates.erase(end, candidates.end());
}

int32_t draw(std::vector<Candidate>& candidates, double temperature, uint64_t seed, int64_t position) {
  const double target =
      philox_uniform(seed, static_cast<uint64_t>(position)) * weigh(candidates, temperature);
  double sum = 0;
  for (const Candidate& c : candidates) {
    sum += c.weight;
    if (target < sum) return c.id;
  }
  return candidates.back().id;  // the sum rounded below the target
}

double log_sum_exp(std::span<const float> logits) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const float logit : logits) largest = std::max(largest, usable(logit));
  double sum = 0;
  for (const float logit : logits) sum += std::exp(usable(logit) - largest);
  return largest + std::log(sum);
}

Error out_of_range(const char* option, double value, const char* range) {
  return Error{ErrorCode::usage, option, std::to_string(value) + " is out of range",
               std::string("choose ") + range};
}

}  // namespace

Status check_sampling(const SamplingOptions& o) {
  // Written so that NaN fails.
  if (!(o.temperature >= 0 && std::isfinite(o.temperature))) {
    return out_of_range("--temp", o.temperature, "0 (greedy) or above");
  }
  if (!(o.top_p > 0 && o.top_p <= 1)) return out_of_range("--top-p", o.top_p, "above 0, up to 1 (off)");
  if (!(o.min_p >= 0 && o.min_p <= 1)) return out_of_range("--min-p", o.min_p, "from 0 (off) to 1");
  if (o.top_k < 0) return out_of_range("--top-k", static_cast<double>(o.top_k), "0 (all) or above");
  if (!(o.repeat_penalty > 0 && std::isfinite(o.repeat_penalty))) {
    return out_of_range("--repeat-penalty", o.repeat_penalty, "above 0; 1 is off");
  }
  return {};
}

int32_t sample(std::span<const float> logits, std::span<const int32_t> recent, int64_t position,
               const SamplingOptions& options) {
  std::vector<Candidate> candidates = all_candidates(logits);
  penalise(candidates, recent, options.repeat_penalty);
  if (options.temperature == 0) {
    return std::min_element(candidates.begin(), candidates.end(), more_likely)->id;
  }
  keep_top_k(candidates, options.top_k);
  keep_top_p(candidates, options.top_p);
  keep_min_p(candidates, options.min_p);
  return draw(candidates, options.temperature, options.seed, position);
}

std::vector<TokenLogprob> most_likely(std::span<const float> logits, int n) {
  if (n <= 0) return {};
  std::vector<Candidate> candidates = all_candidates(logits);
  keep_top_k(candidates, n);
  const double norm = log_sum_exp(logits);
  std::vector<TokenLogprob> top;
  for (const Candidate& c : candidates) top.push_back({c.id, c.logit - norm});
  return top;
}

double log_probability(std::span<const float> logits, int32_t id) {
  return usable(logits[static_cast<size_t>(id)]) - log_sum_exp(logits);
}

}  // namespace kilter
