// Bugs of masks, heads, caches and scales against attention written out.
#include <functional>
#include <numeric>

#include "op_bugs_support.h"

namespace kilter::analysis {
namespace {

constexpr At kScores{Point::attn_scores, 0};
constexpr At kSoftmax{Point::attn_softmax, 0};
constexpr At kMix{Point::attn_mix, 0};

// Where a head's key and value are read: the first element of a vector in the cache; -1 for zeros.
struct Attention {
  std::function<std::vector<int64_t>(int64_t t)> keys;  // rows of the cache, -1 for zeros
  std::function<int64_t(int64_t row, int64_t h)> place = [](int64_t row, int64_t h) {
    return row < 0 ? -1 : (row * 2 + h / 2) * 8;
  };
  double scale = 1 / std::sqrt(8.0);
  std::function<double(double)> score = [](double s) { return s; };
  At k{Point::attn_k_rope, 0};
  At v{Point::attn_v, 0};
};

// Layer 0's mix: sum of e^s v over sum of e^s, without any care for overflow.
Row mix(const BugRun& run, const Attention& how) {
  const Row& q = run.right({Point::attn_q_rope, 0});
  const Row& k = run.right(how.k);
  const Row& v = run.right(how.v);
  Row y(q.size());
  const auto element = [](const Row& x, int64_t place, int64_t i) {
    const auto at = static_cast<size_t>(place + i);
    return place < 0 || at >= x.size() ? 0.0L : static_cast<long double>(x[at]);
  };
  for (int64_t t = 0; t < run.tokens(); ++t) {
    for (int64_t h = 0; h < 4; ++h) {
      long double sum = 0;
      std::vector<long double> out(8);
      for (const int64_t row : how.keys(t)) {
        const int64_t place = how.place(row, h);
        long double dot = 0;
        for (int64_t i = 0; i < 8; ++i)
          dot += q[static_cast<size_t>((t * 4 + h) * 8 + i)] * element(k, place, i);
        const long double e =
            std::exp(static_cast<long double>(how.score(static_cast<double>(dot) * how.scale)));
        sum += e;
        for (int64_t i = 0; i < 8; ++i) out[static_cast<size_t>(i)] += e * element(v, place, i);
      }
      for (int64_t i = 0; i < 8; ++i) {
        y[static_cast<size_t>((t * 4 + h) * 8 + i)] = static_cast<float>(out[static_cast<size_t>(i)] / sum);
      }
    }
  }
  return y;
}

std::vector<int64_t> range(int64_t first, int64_t end) {
  std::vector<int64_t> rows;
  for (int64_t l = first; l < end; ++l) rows.push_back(l);
  return rows;
}

std::vector<int64_t> causal(int64_t t) { return range(0, t + 1); }

class AttentionBugs : public testing::Test {
 protected:
  // The mix of layer 0 in a run that has the bug everywhere: scores, softmax and mix follow from each other.
  void expect(std::string_view id, std::string_view words, const Attention& how) {
    const Row expected = mix(run_, how);
    EXPECT_FALSE(same(expected, run_.right(kMix))) << id << " " << words;
    int fits = 0;
    std::string details;
    for (const At suspect : {kScores, kSoftmax, kMix}) {
      for (const Trial& trial : run_.trials(bug_named(id), suspect, run_.right(suspect))) {
        details += "\n  " + trial.detail;
        if (trial.detail.find(words) == std::string::npos) continue;
        const Result<Row> y = run_.under(trial, kMix, Inputs::computed);
        fits += y.ok() && same(*y, expected) ? 1 : 0;
      }
    }
    EXPECT_GT(fits, 0) << id << " [" << words << "] gives other numbers. Offered:" << details;
  }
  void expect_keys(std::string_view id, std::string_view words,
                   std::function<std::vector<int64_t>(int64_t)> keys) {
    Attention how;
    how.keys = std::move(keys);
    expect(id, words, how);
  }
  void expect_place(std::string_view id, std::string_view words,
                    std::function<int64_t(int64_t, int64_t)> place) {
    Attention how;
    how.keys = causal;
    how.place = std::move(place);
    expect(id, words, how);
  }
  void expect_scale(std::string_view words, double scale) {
    Attention how;
    how.keys = causal;
    how.scale = scale;
    expect("attention-scale", words, how);
  }

  BugRun run_;  // passes of four, one and one
};

TEST_F(AttentionBugs, TheTestAttendsRightly) {
  Attention how;
  how.keys = causal;
  EXPECT_TRUE(same(mix(run_, how), run_.right(kMix)));
}

TEST_F(AttentionBugs, Mask) {
  expect_keys("causal-mask", "the whole pass", [](int64_t t) { return t < 4 ? range(0, 4) : causal(t); });
  expect_keys("causal-mask", "what comes after it",
              [](int64_t t) { return t < 4 ? range(t, 4) : causal(t); });
  expect_keys("mask-cache-offset", "keys 0 .. i", [](int64_t t) { return t < 4 ? causal(t) : range(0, 1); });
  expect_keys("mask-off-by-one", "the next one too",
              [](int64_t t) { return t < 3 ? causal(t + 1) : causal(t); });
  expect_keys("mask-off-by-one", "but the first sees itself",
              [](int64_t t) { return t == 0 ? causal(0) : range(0, t); });
  expect_keys("bos-missing", "without its first token",
              [](int64_t t) { return t == 0 ? causal(0) : range(1, t + 1); });
}

TEST_F(AttentionBugs, TheWindowIsFitted) {
  const auto first_of = [](int64_t keys) {
    return [keys](int64_t t) { return range(std::max<int64_t>(0, t + 1 - keys), t + 1); };
  };
  const auto n = static_cast<size_t>(run_.tokens());
  for (const int64_t keys : {2, 4}) {
    const std::string words = "a window of " + std::to_string(keys) + " keys";
    Row scores = run_.right(kScores);
    for (size_t i = 0; i < scores.size(); ++i) {
      const auto t = static_cast<int64_t>(i / n / 4);
      if (static_cast<int64_t>(i % n) + keys <= t) scores[i] = -INFINITY;
    }
    expect_bug(run_, "sliding-window", kScores, words, scores);
    Attention how;
    how.keys = first_of(keys);
    const Row expected = mix(run_, how);
    bool offered = false;
    for (const Trial& trial : run_.trials(bug_named("sliding-window"), kMix, expected)) {
      const auto y = run_.under(trial, kMix, Inputs::computed);
      offered = offered || (trial.detail.find(words) == 0 && y.ok() && same(*y, expected));
    }
    EXPECT_TRUE(offered) << words;
  }
}

TEST_F(AttentionBugs, MaskAfterSoftmax) {
  // Shares over the whole pass, of which the later ones are dropped: e^s / (sum over the pass).
  const Row& p = run_.right(kSoftmax);
  Attention all;
  const Row& q = run_.right({Point::attn_q_rope, 0});
  const Row& k = run_.right({Point::attn_k_rope, 0});
  const auto n = static_cast<size_t>(run_.tokens());
  Row expected(p.size());
  for (size_t t = 0; t < n; ++t) {
    for (size_t h = 0; h < 4; ++h) {
      const size_t end = t < 4 ? 4 : t + 1;
      std::vector<double> e(n);
      for (size_t l = 0; l < end; ++l) {
        double dot = 0;
        for (size_t i = 0; i < 8; ++i)
          dot += double{q[(t * 4 + h) * 8 + i]} * double{k[(l * 2 + h / 2) * 8 + i]};
        e[l] = std::exp(dot * all.scale);
      }
      const double sum = std::accumulate(e.begin(), e.end(), 0.0);
      for (size_t l = 0; l <= t; ++l) expected[(t * 4 + h) * n + l] = static_cast<float>(e[l] / sum);
    }
  }
  expect_bug(run_, "mask-after-softmax", kSoftmax, "", expected);
}

TEST_F(AttentionBugs, Heads) {
  expect_place("gqa-map", "mod n_kv", [](int64_t row, int64_t h) { return (row * 2 + h % 2) * 8; });
  expect_place("gqa-map", "reverse", [](int64_t row, int64_t h) { return (row * 2 + 1 - h / 2) * 8; });
  expect_place("gqa-kv-heads", "next tokens' rows", [](int64_t row, int64_t h) { return (row * 2 + h) * 8; });
  expect_place("gqa-kv-heads", "read the last",
               [](int64_t row, int64_t h) { return (row * 2 + std::min<int64_t>(h, 1)) * 8; });
  expect_place("gqa-kv-heads", "kv head 0", [](int64_t row, int64_t) { return row * 2 * 8; });
  expect_place("gqa-kv-heads", "are zeros",
               [](int64_t row, int64_t h) { return h < 2 ? (row * 2 + h) * 8 : -1; });
  expect_place("gqa-kv-heads", "strided by n_head", [](int64_t row, int64_t h) { return (row * 4 + h) * 8; });
}

TEST_F(AttentionBugs, KeysAndValuesSwapped) {
  Attention how;
  how.keys = causal;
  how.k = {Point::attn_v, 0};
  how.v = {Point::attn_k_rope, 0};
  expect("kv-swapped", "are swapped", how);
  how.k = how.v;
  expect("kv-swapped", "the keys are mixed", how);
  how.k = how.v = {Point::attn_v, 0};
  expect("kv-swapped", "compared with values", how);
}

TEST_F(AttentionBugs, Scale) {
  expect_scale("scale 1 (none)", 1);
  expect_scale("applied twice", 0.125);  // (1/sqrt 8)^2, which is 1/8 as well
  expect_scale("n_embd / n_head", 1 / std::sqrt(6.0));
  expect_scale("from n_embd)", 1 / std::sqrt(24.0));
  expect_scale("multiplied, not divided", std::sqrt(8.0));
  Row fitted = run_.right(kScores);
  for (float& s : fitted) s *= 1.37F;
  expect_bug(run_, "attention-scale", kScores, "scale 0.484368 fits, the file says 0.353553", fitted);
}

TEST_F(AttentionBugs, SoftCap) {
  Attention how;
  how.keys = causal;
  how.score = [](double s) { return 50 * std::tanh(s / 50); };
  Row capped = run_.right(kScores);
  for (float& s : capped) s = std::isfinite(s) ? 0.9F * std::tanh(s / 0.9F) : s;
  expect_bug(run_, "attention-soft-cap", kScores, "0.9 * tanh(score / 0.9)", capped);
}

TEST_F(AttentionBugs, Softmax) {
  Attention how;
  how.keys = causal;
  how.score = [](double s) { return s * std::log(2.0); };
  expect("softmax", "2^x", how);
}

TEST_F(AttentionBugs, Cache) {
  const auto later = [](const std::function<std::vector<int64_t>(int64_t)>& rows) {
    return [rows](int64_t t) { return t < 4 ? causal(t) : rows(t); };
  };
  using Rows = std::vector<int64_t>;
  expect_keys("decode-without-cache", "its own pass alone", later([](int64_t t) { return Rows{t}; }));
  // Calls are counted: step 1 writes row 1, step 2 row 2; rows 4 and 5 are never written.
  expect_keys("cache-overwritten", "counts calls, not tokens; rows that nobody wrote are zeros",
              later([](int64_t t) {
                return t == 4 ? Rows{0, 4, 2, 3, -1} : Rows{0, 4, 5, 3, -1, -1};
              }));
  expect_keys("cache-overwritten", "counts calls, not tokens; rows that nobody wrote are not read",
              later([](int64_t t) {
                return t == 4 ? Rows{0, 4, 2, 3} : Rows{0, 4, 5, 3};
              }));
  expect_keys("cache-overwritten", "writes row 0; rows that nobody wrote are zeros", later([](int64_t t) {
                return t == 4 ? Rows{4, 1, 2, 3, -1} : Rows{5, 1, 2, 3, -1, -1};
              }));
  expect_keys("cache-overwritten", "the row before its own; rows that nobody wrote are not read",
              later([](int64_t t) {
                return t == 4 ? Rows{0, 1, 2, 4} : Rows{0, 1, 2, 4, 5};
              }));
  expect_keys("cache-overwritten", "the row after the prompt; rows that nobody wrote are zeros",
              later([](int64_t t) {
                return t == 4 ? Rows{0, 1, 2, 3, 4} : Rows{0, 1, 2, 3, 5, -1};
              }));
  expect_keys("cache-newest-row", "does not see itself", later([](int64_t t) { return range(0, t); }));
  expect_keys("cache-newest-row", "still zeros", later([](int64_t t) {
                Rows rows = range(0, t);
                rows.push_back(-1);
                return rows;
              }));
  expect_keys("cache-newest-row", "no step between", later([](int64_t t) { return Rows{0, 1, 2, 3, t}; }));
  expect_keys("cache-newest-row", "twice, and not itself", later([](int64_t t) {
                Rows rows = range(0, t);
                rows.push_back(t - 1);
                return rows;
              }));
  expect_keys("cache-zero-rows", "all 128 rows", [](int64_t t) {
    Rows rows = causal(t);
    rows.resize(128, -1);
    return rows;
  });
}

TEST_F(AttentionBugs, TheCachesLengthIsFitted) {
  // Row sums of the softmax when 37 rows are read, 37 - (t + 1) of them zeros with a score of 0.
  Row p = run_.right(kSoftmax);
  const Row& s = run_.right(kScores);
  const auto n = static_cast<size_t>(run_.tokens());
  for (size_t row = 0; row < p.size() / n; ++row) {
    const size_t t = row / 4;
    double sum = 37.0 - static_cast<double>(t + 1);
    for (size_t l = 0; l <= t; ++l) sum += std::exp(double{s[row * n + l]});
    for (size_t l = 0; l <= t; ++l)
      p[row * n + l] = static_cast<float>(std::exp(double{s[row * n + l]}) / sum);
  }
  expect_bug(run_, "cache-zero-rows", kSoftmax, "37 rows are read", p);
}

TEST_F(AttentionBugs, OtherLayersCache) {
  // Layer 1 reads layer 0's keys: one dot product, by hand.
  const At scores{Point::attn_scores, 1};
  Row expected = run_.right(scores);
  const Row& q = run_.right({Point::attn_q_rope, 1});
  const Row& k = run_.right({Point::attn_k_rope, 0});
  const auto n = static_cast<size_t>(run_.tokens());
  for (size_t t = 0; t < n; ++t) {
    for (size_t h = 0; h < 4; ++h) {
      for (size_t l = 0; l <= t; ++l) {
        double dot = 0;
        for (size_t i = 0; i < 8; ++i)
          dot += double{q[(t * 4 + h) * 8 + i]} * double{k[(l * 2 + h / 2) * 8 + i]};
        expected[(t * 4 + h) * n + l] = static_cast<float>(dot / std::sqrt(8.0));
      }
    }
  }
  expect_bug(run_, "cache-wrong-layer", scores, "layer 0's", expected);
  // All share one cache: a decode step of layer 0 finds layer 1's keys in the earlier rows, and its own in
  // the last.
  Attention how;
  Row shared = run_.right(kScores);
  const Row& q0 = run_.right({Point::attn_q_rope, 0});
  const Row& k1 = run_.right({Point::attn_k_rope, 1});
  for (size_t t = 4; t < n; ++t) {
    for (size_t h = 0; h < 4; ++h) {
      for (size_t l = 0; l < t; ++l) {
        double dot = 0;
        for (size_t i = 0; i < 8; ++i)
          dot += double{q0[(t * 4 + h) * 8 + i]} * double{k1[(l * 2 + h / 2) * 8 + i]};
        shared[(t * 4 + h) * n + l] = static_cast<float>(dot * how.scale);
      }
    }
  }
  expect_bug(run_, "cache-shared-layers", kScores, "those of the last layer", shared);
}

// Output projection of heads in another order: element e of the input comes from element order(e) of the mix.
Row projected(const BugRun& run, const std::function<size_t(size_t t, size_t e)>& order) {
  const Row& x = run.right(kMix);
  const std::vector<float>& w = run.model().numbers("blk.0.attn_output.weight");
  Row y;
  for (size_t t = 0; t < static_cast<size_t>(run.tokens()); ++t) {
    for (size_t o = 0; o < 24; ++o) {
      double sum = 0;
      for (size_t e = 0; e < 32; ++e) sum += double{w[o * 32 + e]} * double{x[order(t, e)]};
      y.push_back(static_cast<float>(sum));
    }
  }
  return y;
}

TEST_F(AttentionBugs, HeadOrder) {
  const At out{Point::attn_output, 0};
  EXPECT_TRUE(same(projected(run_, [](size_t t, size_t e) { return t * 32 + e; }), run_.right(out)));
  constexpr size_t kGroupFirst[] = {0, 2, 1, 3};  // kv 0: heads 0 1, kv 1: heads 2 3
  expect_bug(run_, "head-order", out, "(group, kv)",
             projected(run_, [&](size_t t, size_t e) { return t * 32 + kGroupFirst[e / 8] * 8 + e % 8; }));
  expect_bug(run_, "head-order", out, "element by element",
             projected(run_, [](size_t t, size_t e) { return t * 32 + e % 4 * 8 + e / 4; }));
  // [head, token, element] read as rows of 32.
  expect_bug(run_, "head-order", out, "[head, token]", projected(run_, [&](size_t t, size_t e) {
               const size_t flat = t * 32 + e;
               const size_t h = flat / (6 * 8);
               return flat / 8 % 6 * 32 + h * 8 + flat % 8;
             }));
}

// A run whose first token is doubled, built as such: seven tokens, of which the last six are compared.
TEST(BosTwice, IsTheRunWithItsFirstTokenDoubled) {
  BugRun run({}, {6});
  const auto& layer = *run.model();
  ASSERT_EQ(layer.layers.size(), 2U);
  const auto trials = run.trials_of_whole_run(bug_named("bos-twice"), run.right(at(Point::logits)));
  ASSERT_EQ(trials.size(), 1U);
  const auto got = run.under(trials[0], at(Point::logits), Inputs::computed);
  ASSERT_TRUE(got.ok()) << got.error().message();

  reference::ReferenceOps ops(1);
  Dump dump = run.dump();
  dump.values.clear();
  dump.tokens.insert(dump.tokens.begin(), dump.tokens.front());
  dump.passes = {7};
  ReplayModel model;
  const Graph graph = graph_of(*run.model());
  model.graph = &graph;
  model.weight = [&](std::string_view name) { return run.model().find(name); };
  Replay doubled(ops, model, dump);
  const auto want = doubled.expected(at(Point::logits), {}, {}, Inputs::computed);
  ASSERT_TRUE(want.ok());
  ASSERT_EQ(got->size(), want->size());
  EXPECT_FALSE(same(*got, run.right(at(Point::logits))));
  for (size_t i = 0; i < got->size(); ++i) EXPECT_NEAR((*got)[i], (*want)[i], 2e-5) << i;
}

}  // namespace
}  // namespace kilter::analysis
